import { CheckpointError } from '../errors.ts'

/** A Unigram language model over text pieces: its vocabulary and the best split of a text under it. */
export interface Unigram {
  /** Piece to token id. */
  readonly ids: ReadonlyMap<string, number>
  readonly unknownId: number
  /**
   * The most likely split into pieces (Viterbi). Neighbouring characters that no piece covers come as one
   * string, which is not in `ids`, or as byte pieces when the model has them.
   */
  readonly split: (text: string) => string[]
}

/** The `model` object of a tokenizer.json: pieces in the order of their ids, each with its log probability. */
export interface UnigramConfig {
  readonly vocab: readonly unknown[]
  readonly unk_id: number
  readonly byte_fallback?: boolean | undefined
}

/** How much less likely than the rarest piece a character outside the vocabulary is, as in SentencePiece. */
const unknownPenalty = 10

/**
 * Builds the model. Pieces are kept in a hash map: the vocabulary of UMT5 (256,000 pieces) is ready in a
 * fraction of the time and memory that a trie of characters takes.
 * @throws CheckpointError when the vocabulary is malformed
 */
export function unigram(config: UnigramConfig): Unigram {
  const { ids, scores, longest } = readVocabulary(config.vocab)
  const unknownId = config.unk_id
  if (!(unknownId in scores)) {
    throw malformed('an unk_id inside the vocabulary', `${unknownId} for ${scores.length} pieces`)
  }
  const unknownScore = scores.reduce((lowest, score) => Math.min(lowest, score), Infinity) - unknownPenalty
  const split = (text: string): string[] => {
    const pieces = tracePath(
      text,
      bestPath(text, { ids, scores, longest, unknownId, unknownScore }),
      unknownId,
    )
    return config.byte_fallback
      ? pieces.flatMap(piece => (ids.has(piece) ? piece : bytePieces(piece, ids)))
      : pieces
  }
  return { ids, unknownId, split }
}

function readVocabulary(vocab: readonly unknown[]) {
  const ids = new Map<string, number>()
  const scores = new Float64Array(vocab.length)
  let longest = 0
  for (const [id, entry] of vocab.entries()) {
    const [piece, score] = Array.isArray(entry) ? entry : []
    if (typeof piece !== 'string' || typeof score !== 'number') {
      throw malformed('[piece, score] pairs', `${JSON.stringify(entry)} at ${id}`)
    }
    ids.set(piece, id)
    scores[id] = score
    longest = Math.max(longest, piece.length)
  }
  return { ids, scores, longest }
}

interface Lattice {
  readonly ids: ReadonlyMap<string, number>
  readonly scores: Float64Array
  /** UTF-16 length of the longest piece. */
  readonly longest: number
  readonly unknownId: number
  readonly unknownScore: number
}

/** For every position that a piece can end at: where the best path's last piece starts (−1: none ends here) and its id. */
interface Path {
  readonly starts: Int32Array
  readonly ids: Int32Array
}

/** Forward pass; of equally likely splits the one whose last piece starts first is kept. */
function bestPath(text: string, lattice: Lattice): Path {
  const best = new Float64Array(text.length + 1)
  const path = { starts: new Int32Array(text.length + 1).fill(-1), ids: new Int32Array(text.length + 1) }
  const offer = (start: number, end: number, id: number, score: number) => {
    const total = best[start]! + score
    if (path.starts[end] !== -1 && total <= best[end]!) return
    best[end] = total
    path.starts[end] = start
    path.ids[end] = id
  }
  for (let start = 0, next: number; start < text.length; start = next) {
    next = start + widthAt(text, start)
    const limit = Math.min(text.length, start + lattice.longest)
    let covered = false
    for (let end = next; end <= limit; end += end < text.length ? widthAt(text, end) : 1) {
      const id = lattice.ids.get(text.slice(start, end))
      if (id === undefined) continue
      offer(start, end, id, lattice.scores[id]!)
      covered ||= end === next
    }
    if (!covered) offer(start, next, lattice.unknownId, lattice.unknownScore)
  }
  return path
}

/** Backward pass, joining neighbouring unknown characters. */
function tracePath(text: string, path: Path, unknownId: number): string[] {
  const pieces: string[] = []
  let unknownEnd = -1 // where the run of unknown characters being joined ends
  for (let end = text.length; end > 0; end = path.starts[end]!) {
    const start = path.starts[end]!
    if (path.ids[end] !== unknownId) pieces.push(text.slice(start, end))
    else if (unknownEnd === end) pieces.push(text.slice(start, end) + pieces.pop())
    else pieces.push(text.slice(start, end))
    if (path.ids[end] === unknownId) unknownEnd = start
  }
  return pieces.reverse()
}

/** A piece as its UTF-8 bytes' tokens, or itself when one of them is not in the vocabulary. */
function bytePieces(piece: string, ids: ReadonlyMap<string, number>): string[] {
  const bytes = [...Buffer.from(piece)].map(byte => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
  return bytes.every(byte => ids.has(byte)) ? bytes : [piece]
}

/** UTF-16 units of the character at a position: 1 or 2. */
function widthAt(text: string, index: number): number {
  return text.codePointAt(index)! > 0xffff ? 2 : 1
}

function malformed(expected: string, got: string): CheckpointError {
  return new CheckpointError('checkpoint/config', {
    subject: 'tokenizer.json, model',
    expected,
    got,
    advice: 'Download the tokenizer again.',
  })
}
