import type { GenerationRecord } from '../media/record.ts'
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
  ['--extend', 'extend'],
  ['--window', 'window'],
  ['--overlap', 'overlap'],
  ['--mask', 'mask'],
  ['--reference', 'references'],
  ['--control-scale', 'controlScale'],
  ['--image-noise-scale', 'imageNoiseScale'],
  ['--lora', 'adapters'],
  ['--lora-2', 'adapters2'],
  ['--guidance-interval', 'guidanceInterval'],
  ['--guidance-rescale', 'guidanceRescale'],
  ['--guidance-method', 'guidanceMethod'],
  ['--zero-init-steps', 'zeroInitSteps'],
  ['--apg-eta', 'apgEta'],
  ['--apg-norm-threshold', 'apgNormThreshold'],
  ['--apg-momentum', 'apgMomentum'],
  ['--step-cache', 'stepCache'],
  ['--decode-timestep', 'decodeTimestep'],
  ['--decode-noise-scale', 'decodeNoiseScale'],
  ['--decode-seed', 'decodeSeed'],
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
  const values: Record<string, Value> = { ...record, size: `${record.width}x${record.height}` }
  const options = flags.flatMap(([flag, field]) => textsOf(values[field]).map(text => option(flag, text)))
  // After "--" a prompt that begins with a dash is not taken for a flag.
  const prompt = record.prompt.startsWith('-') ? ['--', record.prompt] : [record.prompt]
  return ['framewright generate', ...options, ...prompt.map(shellQuote)].join(' ')
}

function option(flag: string, text: string): string {
  return text.startsWith('-') ? `${flag}=${shellQuote(text)}` : `${flag} ${shellQuote(text)}`
}

/** The values of a flag: one for each of its uses. Numbers in a list are one use, with commas between them. */
function textsOf(value: Value): string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) {
    return value.every(each => typeof each === 'number') ? [value.join()] : value.flatMap(textsOf)
  }
  return [typeof value === 'object' ? partsText(value as Record<string, Value>) : String(value)]
}

/** A keyframe, an adapter, or how a picture is enlarged. */
function partsText({ frame, path, strength, scale, factor, kernel }: Record<string, Value>): string {
  if (path === undefined) return `${factor}:${kernel}`
  const amount = strength ?? scale ?? 1
  // A path that ends like a number is told from one by having one.
  const suffix = amount !== 1 || /:-?\d*\.?\d+$/.test(String(path)) ? `:${amount}` : ''
  return `${frame === undefined ? '' : `${frame}:`}${path}${suffix}`
}
