import { existsSync } from 'node:fs'
import { closeTo } from '../weights/closest-keys.ts'
import { UsageError } from './usage-error.ts'

/** What names of outputs are made from. */
export interface Naming {
  readonly prompt: string
  readonly seed: bigint
}

/**
 * The path of every video of a run. A pattern may hold `{seed}` and `{index}`; where it does not tell the videos
 * apart, a number is put before the extension. Numbers start at 1.
 * @throws UsageError for a name in braces that stands for nothing
 */
export function outputNames(pattern: string, videos: readonly Naming[], flag = '--output'): string[] {
  checkPlaceholders(pattern, flag)
  const filled = videos.map(({ seed }, position) => {
    return pattern.replaceAll('{seed}', String(seed)).replaceAll('{index}', String(position + 1))
  })
  if (new Set(filled).size === filled.length) return filled
  return filled.map((path, position) => numbered(path, position + 1))
}

const placeholders = ['seed', 'index']

function checkPlaceholders(pattern: string, flag: string): void {
  for (const [whole, name = ''] of pattern.matchAll(/\{(\w*)\}/g)) {
    if (placeholders.includes(name)) continue
    const [closest] = closeTo(name, placeholders)
    throw new UsageError({
      subject: flag,
      expected: placeholders.map(each => `{${each}}`).join(' or '),
      got: whole,
      ...(closest && { advice: `Did you mean {${closest}}?` }),
    })
  }
}

/** `out.mp4` → `out-1.mp4`, `pictures/` → `pictures-1/`. */
function numbered(path: string, number: number): string {
  const [, stem = '', end = ''] = /^(.*?)(\.[^./\\]*|[/\\]+)?$/s.exec(path) ?? []
  return `${stem}-${number}${end}`
}

/**
 * Names in the current folder that say what the videos show, none of which exists yet: `a-red-ball-1234.mp4`.
 */
export function defaultNames(
  videos: readonly Naming[],
  exists: (path: string) => boolean = existsSync,
): string[] {
  const taken = new Set<string>()
  return videos.map(({ prompt, seed }) => {
    const stem = `${slug(prompt) || 'video'}-${seed}`
    let name = `${stem}.mp4`
    for (let copy = 2; taken.has(name) || exists(name); copy++) name = `${stem}-${copy}.mp4`
    taken.add(name)
    return name
  })
}

const longestSlug = 48

/** Letters and digits of any script, in lower case, with dashes between the words. */
export function slug(text: string): string {
  const words =
    text
      .normalize('NFC')
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  const kept: string[] = []
  for (const word of words) {
    // File systems count bytes.
    if (Buffer.byteLength([...kept, word].join('-')) > longestSlug) break
    kept.push(word)
  }
  return kept.join('-') || beginningOf(words[0] ?? '')
}

/** Of a word that is too long by itself, such as a sentence in a script without spaces. */
function beginningOf(word: string): string {
  let kept = ''
  // Letters with their marks.
  for (const { segment } of new Intl.Segmenter().segment(word)) {
    if (Buffer.byteLength(kept + segment) > longestSlug) break
    kept += segment
  }
  return kept
}
