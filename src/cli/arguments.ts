/** Readers of flag values. Nothing is guessed: "12abc" is an error that names the flag. */
import { Option } from 'commander'
import { UsageError } from './usage-error.ts'

const wholeNumbers = /^-?\d{1,15}$/
const decimals = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i

/** A whole number, in a range where that is for the command line to check. */
export function wholeNumber(flag: string, range?: { readonly from: number; readonly to: number }) {
  return (text: string): number => {
    const value = Number(text)
    const inside = range === undefined || (value >= range.from && value <= range.to)
    if (wholeNumbers.test(text) && inside) return value
    throw invalid(flag, `a whole number${range ? ` from ${range.from} to ${range.to}` : ''}`, text)
  }
}

/**
 * The same flag of every command that computes.
 * @param what its number counts, for the help
 */
export function threadsOption(what = 'CPU threads'): Option {
  return new Option('--threads <n>', `${what} (default: one a core)`)
    .env('FRAMEWRIGHT_THREADS')
    .argParser(wholeNumber('--threads, or FRAMEWRIGHT_THREADS', { from: 1, to: 1024 }))
}

export function decimal(flag: string) {
  return (text: string): number => {
    if (decimals.test(text)) return Number(text)
    throw invalid(flag, 'a number', text)
  }
}

/** One or several numbers, separated by commas. */
export function decimalList(flag: string) {
  return (text: string): number[] => text.split(',').map(part => decimal(flag)(part.trim()))
}

/** Two numbers with a comma between them. */
export function interval(flag: string) {
  return (text: string): [number, number] => {
    const [from, to, ...more] = decimalList(flag)(text)
    if (from !== undefined && to !== undefined && more.length === 0) return [from, to]
    throw invalid(flag, 'two numbers, such as 0,0.8', text)
  }
}

const seedLimit = 2n ** 64n

export function seedArgument(flag: string) {
  return (text: string): bigint => {
    if (/^\d{1,20}$/.test(text) && BigInt(text) < seedLimit) return BigInt(text)
    throw invalid(flag, 'a whole number from 0 to 18446744073709551615 (2^64 - 1)', text)
  }
}

export function choice<const T extends string>(flag: string, allowed: readonly T[]) {
  return (text: string): T => {
    const found = allowed.find(each => each === text)
    if (found !== undefined) return found
    throw invalid(flag, `one of ${allowed.join(', ')}`, text)
  }
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

export interface KeyframeArgument {
  readonly frame: number
  readonly path: string
  readonly strength?: number
}

/** `frame:file` or `frame:file:strength`, gathered over all uses of the flag. */
export function keyframeArgument(text: string, before: readonly KeyframeArgument[] = []): KeyframeArgument[] {
  const [, frame, path, strength] = /^(\d{1,6}):(.+?)(?::(\d*\.?\d+))?$/s.exec(text) ?? []
  if (frame !== undefined && path !== undefined) {
    return [...before, { frame: Number(frame), path, ...(strength && { strength: Number(strength) }) }]
  }
  throw invalid('--keyframe', 'FRAME:FILE or FRAME:FILE:STRENGTH', text, 'For example 16:end.png.')
}

export interface AdapterArgument {
  readonly path: string
  readonly scale?: number
}

/** `file` or `file:scale`, gathered over all uses of the flag. */
export function adapterArgument(flag: string) {
  return (text: string, before: readonly AdapterArgument[] = []): AdapterArgument[] => {
    const [, path, scale] = /^(.+?)(?::(-?\d*\.?\d+))?$/s.exec(text) ?? []
    if (path === undefined)
      throw invalid(flag, 'FILE or FILE:SCALE', text, 'For example style.safetensors:0.8.')
    return [...before, { path, ...(scale !== undefined && { scale: Number(scale) }) }]
  }
}

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
