/** Longer keys than a checkpoint has are compared by their beginnings, to bound the work. */
const maxLength = 200
const maxCandidates = 20_000

/** The candidates that take the fewest edits to become `key`, best first. */
export function closestKeys(key: string, candidates: Iterable<string>, count = 3): string[] {
  const ranked: { key: string; edits: number }[] = []
  let seen = 0
  for (const candidate of candidates) {
    if (++seen > maxCandidates) break
    ranked.push({
      key: candidate,
      edits: editDistance(key.slice(0, maxLength), candidate.slice(0, maxLength)),
    })
  }
  return ranked
    .sort((a, b) => a.edits - b.edits)
    .slice(0, count)
    .map(({ key: closest }) => closest)
}

/** The candidates that a word may be a misspelling of: at most a third of its letters are others. Best first. */
export function closeTo(word: string, candidates: readonly string[]): string[] {
  const most = Math.max(1, Math.floor(word.length / 3))
  const near = candidates.filter(each => editDistance(word.slice(0, maxLength), each) <= most)
  return closestKeys(word, near)
}

/** Levenshtein's distance, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  const row = Uint16Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!
      const substitution = diagonal + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1)
      row[j] = Math.min(substitution, above + 1, row[j - 1]! + 1)
      diagonal = above
    }
  }
  return row[b.length]!
}
