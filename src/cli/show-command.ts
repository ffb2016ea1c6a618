import type { GenerationRecord } from '../index.ts'
import { shellQuote } from './shell-quote.ts'

type Value = GenerationRecord[string]

/** The flag of every field of a record, in the order in which they are shown. */
const flags: readonly (readonly [flag: string, field: string])[] = [
  ['--model', 'model'],
  ['--negative', 'negativePrompt'],
  ['--steps', 'steps'],
  ['--guidance', 'guidance'],
  ['--guidance-2', 'guidance2'],
  ['--seed', 'seed'],
  ['--size', 'size'],
  ['--frames', 'frames'],
  ['--fps', 'fps'],
  ['--sampler', 'sampler'],
  ['--shift', 'shift'],
  ['--max-text-tokens', 'maxTextTokens'],
  ['--image', 'image'],
  ['--last-image', 'lastImage'],
  ['--keyframe', 'keyframes'],
  ['--video', 'video'],
  ['--strength', 'strength'],
  ['--mask', 'mask'],
  ['--reference', 'references'],
  ['--control-scale', 'controlScale'],
  ['--upscale', 'upscale'],
]

/** Fields that are no settings, or part of another flag. */
const otherFields = ['prompt', 'width', 'height', 'version']

/** The settings of a record that the command line cannot give. */
export function settingsWithoutFlag(record: GenerationRecord): string[] {
  const known = new Set([...otherFields, ...flags.map(([, field]) => field)])
  return Object.keys(record).filter(field => !known.has(field))
}

/** The command that makes the video of a record again, quoted for a POSIX shell. */
export function commandOf(record: GenerationRecord): string {
  const values: Record<string, Value> = {
    ...record,
    size: `${record.width}x${record.height}`,
    controlScale: Array.isArray(record.controlScale) ? record.controlScale.join() : undefined,
  }
  const options = flags.flatMap(([flag, field]) => textsOf(values[field]).map(text => option(flag, text)))
  // After "--" a prompt that begins with a dash is not taken for a flag.
  const prompt = record.prompt.startsWith('-') ? ['--', record.prompt] : [record.prompt]
  return ['framewright generate', ...options, ...prompt.map(shellQuote)].join(' ')
}

function option(flag: string, text: string): string {
  return text.startsWith('-') ? `${flag}=${shellQuote(text)}` : `${flag} ${shellQuote(text)}`
}

/** The values of a flag: one for each of its uses. */
function textsOf(value: Value): string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value.flatMap(textsOf)
  if (typeof value !== 'object') return [String(value)]
  const { frame, path, factor, kernel } = value as Record<string, Value>
  return [frame === undefined ? `${factor}:${kernel}` : `${frame}:${path}`]
}
