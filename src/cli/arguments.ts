/** Readers of flag values. Nothing is guessed: "12abc" is an error that names the flag. */
import { existsSync } from 'node:fs'
import { Option } from 'commander'
import {
  databaseAddressForm,
  isDatabaseAddress,
  isPublicUrl,
  publicUrlForm,
  withoutPassword,
} from '../api/addresses.ts'
import {
  type ArgumentType,
  choice as choiceType,
  decimals,
  decimal as decimalType,
  wholeNumber as wholeNumberType,
} from '../pipeline/fields/argument-types.ts'
import { UsageError } from './usage-error.ts'

/** How commander reads a flag: word by word, each with the value of those before it. */
export function reader<T>(flag: string, type: ArgumentType<T>) {
  return (word: string, before?: T): T => {
    const refuse = (expected: string, advice?: string, got = word): never => {
      throw invalid(flag, expected, got, advice)
    }
    return type.read(word, refuse, before)
  }
}

/** A whole number, in a range where that is for the command line to check. */
export function wholeNumber(flag: string, range?: { readonly from: number; readonly to: number }) {
  if (range === undefined) return reader(flag, wholeNumberType)
  const { from, to } = range
  return reader(flag, {
    ...wholeNumberType,
    read(word, refuse) {
      const expected = `a whole number from ${from} to ${to}`
      const value = wholeNumberType.read(word, () => refuse(expected))
      return value >= from && value <= to ? value : refuse(expected)
    },
  })
}

/** The address that clients reach a server at. */
export function publicAddress(flag: string) {
  return (word: string): string => {
    if (isPublicUrl(word)) return word
    throw invalid(flag, publicUrlForm, word)
  }
}

/** The address of a PostgreSQL server. */
export function databaseAddress(flag: string) {
  return (word: string): string => {
    if (isDatabaseAddress(word)) return word
    throw invalid(flag, databaseAddressForm, withoutPassword(word))
  }
}

/**
 * The same flag of every command that computes.
 * @param what its number counts, for the help
 */
export function threadsOption(what = 'CPU threads'): Option {
  return new Option('--threads <n>', `${what} (default: one per core)`)
    .env('FRAMEWRIGHT_THREADS')
    .argParser(wholeNumber('--threads, or FRAMEWRIGHT_THREADS', { from: 1, to: 1024 }))
}

/** What networks compute in: `ComputePrecision`. */
export function precisionOption(): Option {
  const form =
    'f32, bf16 or f16; int8 on a CPU: quicker and less exact; fp8: with our kernels on a GPU, to see what it costs on a CPU (default: f32 on a CPU, bf16 on a GPU)'
  return new Option('--precision <type>', form).argParser(
    choice('--precision', ['f32', 'bf16', 'f16', 'int8', 'fp8']),
  )
}

/** How often the state of a run is saved. */
export type CheckpointInterval =
  | { readonly steps: number; readonly seconds?: never }
  | { readonly seconds: number; readonly steps?: never }

/** `5` steps or `30s`. */
export function checkpointInterval(text: string): CheckpointInterval {
  const [, count, unit] = /^(\d{1,6})(s?)$/.exec(text) ?? []
  if (Number(count) >= 1) return unit ? { seconds: Number(count) } : { steps: Number(count) }
  throw invalid('--checkpoint-every', 'a number of steps, such as 5, or of seconds, such as 60s', text)
}

export function decimal(flag: string) {
  return reader(flag, decimalType)
}

export function choice<const T extends string>(flag: string, allowed: readonly T[]) {
  return reader(flag, choiceType(allowed))
}

export interface UpscaleArgument {
  readonly factor: number
  readonly kernel: 'nearest' | 'lanczos'
}

/** `4` or `4:nearest`. */
export function upscaleArgument(text: string): UpscaleArgument {
  const [, factor, kernel = 'lanczos'] = /^(\d{1,2})(?::(nearest|lanczos))?$/.exec(text) ?? []
  if (factor !== undefined) return { factor: Number(factor), kernel: kernel as UpscaleArgument['kernel'] }
  throw invalid('--upscale', 'a whole number, with :nearest or :lanczos after it if you like', text)
}

export interface AdapterArgument {
  readonly path: string
  readonly scale?: number
}

/**
 * `file` or `file:scale`, gathered over all uses of the flag. Names of files may have colons: what follows the last one
 * is a scale where it is a number, or where only what precedes it is a file.
 */
export function adapterArgument(flag: string) {
  return (text: string, before: readonly AdapterArgument[] = []): AdapterArgument[] => {
    const [, path, scale] = /^(.+):([^:]*)$/s.exec(text) ?? []
    if (text === '' || text.startsWith(':')) {
      throw invalid(flag, 'FILE or FILE:SCALE', text, 'For example style.safetensors:0.8.')
    }
    if (path === undefined || scale === undefined || existsSync(text)) return [...before, { path: text }]
    if (decimals.test(scale) && Number.isFinite(Number(scale))) {
      return [...before, { path, scale: Number(scale) }]
    }
    if (!adapterEnding.test(path) && !existsSync(path)) return [...before, { path: text }]
    const advice = 'For example style.safetensors:0.8, with a point.'
    throw invalid(`${flag} ${path}`, 'a number as its scale after the colon', scale, advice)
  }
}

const adapterEnding = /\.safetensors$/i

/** `NAME=FILE`, gathered over all uses of the flag. */
export function namedFileArgument(flag: string) {
  return (text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> => {
    const [, name, file] = /^([^=]+)=(.+)$/s.exec(text) ?? []
    const example = 'For example sketch=loras/sketch.safetensors.'
    if (name === undefined || file === undefined) throw invalid(flag, 'NAME=FILE', text, example)
    if (Object.hasOwn(before, name)) throw invalid(flag, 'each name once', text)
    return { ...before, [name]: file }
  }
}

/** A value of a flag that may be given several times. */
export function repeated(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}

function invalid(flag: string, expected: string, text: string, advice?: string): UsageError {
  return new UsageError({ subject: flag, expected, got: JSON.stringify(text), ...(advice && { advice }) })
}
