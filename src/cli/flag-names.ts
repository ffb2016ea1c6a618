/** How messages of the library read on a command line: what a flag gives is called by the flag. */
import { requestFlags } from '../api/request-flags.ts'

/** By the library's name: fields of a request, and options of an engine. */
const flags: ReadonlyMap<string, string> = new Map([
  ...requestFlags.flatMap(({ name, fields }): [string, string][] => {
    const [field] = fields
    return field !== undefined && fields.length === 1 ? [[field, name]] : []
  }),
  ['device', '--device'],
  ['lanes', '--lanes'],
  ['memory', '--memory'],
  ['precision', '--precision'],
  ['promptCache', '--prompt-cache'],
  ['residency', '--residency'],
  ['threads', '--threads'],
])

/** Names that no sentence has, such as `decodeTimestep` and `guidance2`; what is quoted is a person's own. */
const compoundName = /(?<![\w."'/\\{-])[a-z]+(?:[A-Z\d][a-z]*)+(?!\.\w|[\w"'/\\(=])/g

/**
 * A message with flags in place of the library's names: compound ones wherever they stand, others where they are what
 * the message is about, its first word.
 */
export function inFlags(message: string): string {
  const [, first = '', rest = ''] = /^(\w+)((?: [^:]*)?: .*)$/s.exec(message) ?? []
  const subject = flags.get(first)
  const named = subject === undefined ? message : `${subject}${rest}`
  return named.replace(compoundName, name => flags.get(name) ?? name)
}
