/** How messages of the library read on a command line: what a flag gives is called by the flag. */
import { requestFlags } from '../api/request-flags.ts'

/** By the library's name: fields of a request, and options of an engine. */
const flags: ReadonlyMap<string, string> = new Map([
  ...requestFlags.flatMap(({ name, fields }): [string, string][] => {
    const [field] = fields
    return field !== undefined && fields.length === 1 ? [[field, name]] : []
  }),
  ['audioVae', '--audio-vae'],
  ['imageEncoder', '--image-encoder'],
  ['textEncoder', '--text-encoder'],
  ['textEncoder2', '--text-encoder-2'],
  ['transformer2', '--transformer-2'],
  ['keyframe', '--keyframe'],
  ['device', '--device'],
  ['lanes', '--lanes'],
  ['memory', '--memory'],
  ['precision', '--precision'],
  ['promptCache', '--prompt-cache'],
  ['residency', '--residency'],
  ['size', '--size'],
  ['threads', '--threads'],
  ['upscale.factor', '--upscale'],
  ['upscale.kernel', '--upscale'],
])

/** Names that no sentence has, such as `decodeTimestep` and `guidance2`; what is quoted is a person's own. */
const compoundName = /(?<![\w."'/\\{-])[a-z]+(?:[A-Z\d][a-z]*)+(?!\.\w|[\w"'/\\(=])/g

/** One or two names that stand in parentheses behind what they ask for: `a first frame (image)`. */
const namesInParentheses = /\((\w+)((?:, | with )(\w+))?\)/g

/** What a message is about: a field, with the place in it of what is in a list, and further words, such as a path. */
const subjectPattern = /^(\w+(?:\.factor|\.kernel)?)((?:\.\d+)?(?:(?<=\d)\.\w+)?)((?: [^:]*)?)(: .*)$/s

/**
 * A message with flags in place of the library's names: compound ones wherever they stand, others in parentheses of their
 * own, and where they are what the message is about, its first word or words.
 */
export function inFlags(message: string): string {
  const [, field = '', place = '', words = '', rest = ''] = subjectPattern.exec(message) ?? []
  const named = flagged(field, place, words)
  return `${named}${named === '' ? message : rest}`
    .replace(namesInParentheses, inside =>
      inside.match(/\w+/g)!.every(word => word === 'with' || flags.has(word))
        ? inside.replace(/\w+/g, word => flags.get(word) ?? word)
        : inside,
    )
    .replace(compoundName, name => flags.get(name) ?? name)
}

/** `guidance interval` is the flag of guidanceInterval, `keyframes.0.strength` a value of that of keyframes. */
function flagged(field: string, place: string, words: string): string {
  const compound = flags.get(field + words.replace(/ (.)/g, (_, letter: string) => letter.toUpperCase()))
  if (compound !== undefined && place === '') return compound
  const flag = flags.get(field)
  if (flag === undefined) return ''
  return `${flag}${place && ` (${place.slice(1)})`}${words}`
}
