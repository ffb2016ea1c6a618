import type { GenerationRecord } from '../media/record.ts'
import { pathWithAmount } from '../pipeline/fields/argument-types.ts'
import { negatedName, requestFlags } from './request-flags.ts'
import { shellQuote } from './shell-quote.ts'

type Value = GenerationRecord[string]

/** How a part of a record is written: the words of its flag, one for each use. */
interface RecordFlag {
  readonly name: string
  /** The parts of the record that it says. */
  readonly fields: readonly string[]
  words(value: Value, record: GenerationRecord): readonly string[]
  /** Whether false is a flag of its own. */
  readonly negated?: boolean
}

/** Files of version 0.1 have the adapters of the second expert in a list of their own. */
function adapterWords({ adapters = [], adapters2 = [] }: GenerationRecord, wanted: number): string[] {
  const first = adapters as readonly { path: string; scale?: number; expert?: number }[]
  const second = (adapters2 as typeof first).map(adapter => ({ ...adapter, expert: 1 }))
  const own = [...first, ...second].filter(({ expert = 0 }) => expert === wanted)
  return own.map(({ path, scale }) => pathWithAmount(path, scale))
}

const flags: readonly RecordFlag[] = [
  { name: '--model', fields: ['model'], words: value => [String(value)] },
  ...requestFlags.map(({ name, fields, type, negated }) => ({
    name,
    fields,
    negated: negated !== undefined,
    words: (value: Value, record: GenerationRecord) =>
      type.write((fields.length === 1 ? value : record) as never),
  })),
  { name: '--lora', fields: ['adapters'], words: (_, record) => adapterWords(record, 0) },
  { name: '--lora-2', fields: ['adapters', 'adapters2'], words: (_, record) => adapterWords(record, 1) },
  { name: '--precision', fields: ['precision'], words: value => [String(value)] },
  {
    name: '--upscale',
    fields: ['upscale'],
    words(value) {
      const { factor, kernel } = value as { factor: number; kernel: string }
      return [`${factor}:${kernel}`]
    },
  },
]

/** Parts that are no settings. */
const otherFields = ['prompt', 'version']

/** The settings of a record that the command line cannot give. */
export function settingsWithoutFlag(record: GenerationRecord): string[] {
  const known = new Set([...otherFields, ...flags.flatMap(({ fields }) => fields)])
  return Object.keys(record).filter(field => !known.has(field))
}

/** The command that makes the video of a record again, quoted for a POSIX shell. */
export function commandOf(record: GenerationRecord): string {
  const options = flags.flatMap(({ name, fields, words, negated }) => {
    const value = fields.map(field => record[field]).find(each => each !== undefined && each !== null)
    if (negated && value === false) return [negatedName(name)]
    return value === undefined ? [] : words(value, record).map(word => option(name, word))
  })
  // After "--" a prompt that begins with a dash is not taken for a flag.
  const prompt = record.prompt.startsWith('-') ? ['--', record.prompt] : [record.prompt]
  return ['framewright generate', ...options, ...prompt.map(shellQuote)].join(' ')
}

function option(flag: string, text: string): string {
  return text.startsWith('-') ? `${flag}=${shellQuote(text)}` : `${flag} ${shellQuote(text)}`
}
