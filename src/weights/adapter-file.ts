import path from 'node:path'
import { z } from 'zod'
import { CheckpointError } from '../errors.ts'
import { readSafetensorsHeader } from './read-header.ts'
import { readTensor } from './read-tensor.ts'
import type { SafetensorsFile, TensorLocation } from './tensor-location.ts'
import { toFloat32 } from './to-float32.ts'

/**
 * An adapter (LoRA: Hu et al., 2021, https://arxiv.org/abs/2106.09685) as it is stored, with names as the file has
 * them. A module's weight W becomes W + scale · up · down; other tensors are added as they are.
 */
export interface AdapterFile {
  /** Real path. */
  readonly path: string
  readonly modules: readonly AdapterModule[]
}

export interface AdapterModule {
  /** As the file spells it, without the parts that name the layout: `blocks.0.attn1.to_q`, `blocks_0_self_attn_q`. */
  readonly name: string
  /** The part of the checkpoint that the name begins with (`transformer_2`), where it names one. */
  readonly component: string | undefined
  readonly lowRank: LowRankTensors | undefined
  /** What is added to tensors of the module: `weight`, `bias` or, in a block, `modulation`. */
  readonly additions: readonly AdapterAddition[]
}

export interface LowRankTensors {
  /** [rank, in], or a convolution's [rank, in, …]. */
  readonly down: TensorLocation
  /** [out, rank], or a convolution's [out, rank, 1, …]. */
  readonly up: TensorLocation
  /** α / rank, where the file has an α; else 1. */
  readonly scale: number
}

export interface AdapterAddition {
  readonly leaf: 'weight' | 'bias' | 'modulation'
  readonly tensor: TensorLocation
  readonly scale: number
}

type Part = 'down' | 'up' | 'alpha' | 'up-bias' | 'diff' | 'diff-bias' | 'diff-modulation'

/** How the end of a key says what the tensor is. PEFT may put the adapter's name before `.weight`. */
const endings: readonly (readonly [RegExp, Part])[] = [
  [/\.lora_A(\.[^.]+)?\.weight$|\.lora_down\.weight$|\.lora\.down\.weight$/, 'down'],
  [/\.lora_B(\.[^.]+)?\.weight$|\.lora_up\.weight$|\.lora\.up\.weight$/, 'up'],
  [/\.lora_B(\.[^.]+)?\.bias$/, 'up-bias'],
  [/\.alpha$/, 'alpha'],
  [/\.diff$/, 'diff'],
  [/\.diff_b$/, 'diff-bias'],
  [/\.diff_m$/, 'diff-modulation'],
]

/** Prefixes that say which tool wrote the file; all of them mean the transformer. */
const layoutPrefix = /^(?:base_model\.model\.|model\.diffusion_model\.|diffusion_model\.|lora_unet_)/
const componentPrefix = /^(transformer(?:_\d+)?)\.(?=.)/
const textEncoderPrefix = /^(?:lora_te\d*_|text_encoder(?:_\d+)?\.)/

/**
 * Reads the header of an adapter's file and its scales; the weights stay in the file.
 * @throws CheckpointError `checkpoint/not-found` or `checkpoint/corrupt` for what is no .safetensors file,
 * `checkpoint/tensors` that lists the keys that no layout has
 */
export async function readAdapter(file: string): Promise<AdapterFile> {
  const header = await readSafetensorsHeader(file)
  const parts = new Map<string, Map<Part, TensorLocation>>()
  const unknown: string[] = []
  for (const [key, tensor] of header.tensors) {
    const ending = endings.find(([pattern]) => pattern.test(key))
    if (ending === undefined || textEncoderPrefix.test(key)) {
      unknown.push(key)
      continue
    }
    const [pattern, part] = ending
    const name = key.replace(pattern, '')
    const module = parts.get(name) ?? new Map<Part, TensorLocation>()
    const other = module.get(part)
    if (other) throw twice(header, other.key, key)
    parts.set(name, module.set(part, tensor))
  }
  if (unknown.length > 0 || parts.size === 0) throw unreadable(header, unknown)
  const alphas = declaredAlphas(header)
  const modules = [...parts].map(([name, tensors]) => moduleOf(header.path, name, tensors, alphas))
  return { path: header.path, modules: await Promise.all(modules) }
}

async function moduleOf(
  file: string,
  stored: string,
  parts: ReadonlyMap<Part, TensorLocation>,
  alphas: (module: string) => number | undefined,
): Promise<AdapterModule> {
  const inside = stored.replace(layoutPrefix, '')
  const component = componentPrefix.exec(inside)?.[1]
  const name = inside.replace(componentPrefix, '')
  const alpha = parts.get('alpha')
  const lone = (['alpha', 'up-bias'] as const).find(
    part => parts.has(part) && !parts.has('down') && !parts.has('up'),
  )
  if (lone) throw withoutMatrices(file, parts.get(lone)!.key)
  const lowRank = lowRankOf(file, stored, parts, alpha ? await scalarOf(alpha) : alphas(name))
  const additions: AdapterAddition[] = []
  const add = (part: Part, leaf: AdapterAddition['leaf'], scale: number) => {
    const tensor = parts.get(part)
    if (tensor) additions.push({ leaf, tensor, scale })
  }
  add('diff', 'weight', 1)
  add('diff-bias', 'bias', 1)
  add('up-bias', 'bias', lowRank?.scale ?? 1)
  add('diff-modulation', 'modulation', 1)
  return { name, component, lowRank, additions }
}

function lowRankOf(
  file: string,
  name: string,
  parts: ReadonlyMap<Part, TensorLocation>,
  alpha: number | undefined,
): LowRankTensors | undefined {
  const down = parts.get('down')
  const up = parts.get('up')
  if (!down && !up) return undefined
  const rank = down?.shape[0]
  if (down && up && rank !== undefined && rank > 0 && up.shape[1] === rank) {
    return { down, up, scale: alpha === undefined ? 1 : alpha / rank }
  }
  throw new CheckpointError('checkpoint/tensors', {
    subject: `${file}: ${name}`,
    expected: 'a down matrix [rank, in] and an up matrix [out, rank]',
    got: `${down ? `[${down.shape.join(', ')}]` : 'none'} and ${up ? `[${up.shape.join(', ')}]` : 'none'}`,
  })
}

async function scalarOf(location: TensorLocation): Promise<number> {
  const [value] = toFloat32(await readTensor(location)).data
  if (value !== undefined && Number.isFinite(value) && location.bytes <= 8) return value
  throw new CheckpointError('checkpoint/tensors', {
    subject: `${location.file}: ${location.key}`,
    expected: 'one finite number',
    got: `[${location.shape.join(', ')}] of ${value}`,
  })
}

/** What diffusers writes into the header beside PEFT's tensors. */
const peftConfig = z.looseObject({
  lora_alpha: z.number().optional(),
  alpha_pattern: z.record(z.string(), z.number()).optional(),
  use_rslora: z.literal(false).optional(),
  use_dora: z.literal(false).optional(),
})

/** α by module, where the header declares it. @throws CheckpointError for scalings other than α / rank */
function declaredAlphas({ path: file, metadata }: SafetensorsFile): (module: string) => number | undefined {
  const text = metadata.get('lora_adapter_metadata')
  if (text === undefined) return () => undefined
  const ours = Object.entries(metadataOf(file, text)).flatMap(([key, value]) => {
    return key.startsWith('transformer.') ? [[key.slice('transformer.'.length), value] as const] : []
  })
  const config = peftConfig.safeParse(Object.fromEntries(ours))
  if (!config.success) {
    const [issue] = config.error.issues
    throw new CheckpointError('checkpoint/config', {
      subject: `${file}: lora_adapter_metadata`,
      expected: 'a plain LoRA, scaled by alpha / rank',
      got: `${issue?.path.join('.')}: ${issue?.message}`,
    })
  }
  const { lora_alpha, alpha_pattern = {} } = config.data
  return module => {
    const own = Object.entries(alpha_pattern).find(([name]) => module === name || module.endsWith(`.${name}`))
    return own?.[1] ?? lora_alpha
  }
}

function metadataOf(file: string, text: string): Record<string, unknown> {
  const what = {
    subject: `${file}: lora_adapter_metadata`,
    expected: 'a JSON object',
    got: text.slice(0, 40),
  }
  try {
    const parsed = z.record(z.string(), z.unknown()).safeParse(JSON.parse(text))
    if (parsed.success) return parsed.data
  } catch (cause) {
    throw new CheckpointError('checkpoint/corrupt', what, { cause })
  }
  throw new CheckpointError('checkpoint/corrupt', what)
}

function twice(header: SafetensorsFile, first: string, second: string): CheckpointError {
  return new CheckpointError('checkpoint/tensors', {
    subject: `adapter ${header.path}`,
    expected: 'one tensor for each part of a module',
    got: `${first} and ${second}`,
    advice: 'Split the file: an adapter is one set of weights.',
  })
}

function withoutMatrices(file: string, key: string): CheckpointError {
  return new CheckpointError('checkpoint/tensors', {
    subject: `adapter ${file}: ${key}`,
    expected: 'a down and an up matrix beside it',
    got: 'none',
  })
}

function unreadable(header: SafetensorsFile, unknown: readonly string[]): CheckpointError {
  const forText = unknown.filter(key => textEncoderPrefix.test(key))
  const [got, advice] =
    header.tensors.size === 0
      ? ['no tensor', 'Download the file again.']
      : forText.length > 0
        ? [
            `${forText.length} for a text encoder: ${shown(forText)}`,
            'Text encoders of video models are not adapted.',
          ]
        : [
            `${unknown.length} of another kind: ${shown(unknown)}`,
            'LoRA is read, as PEFT, kohya and ComfyUI write it; DoRA, LoKr and LoHa are not.',
          ]
  return new CheckpointError('checkpoint/tensors', {
    subject: `adapter ${path.basename(header.path)}`,
    expected: 'lora_A and lora_B, lora_down and lora_up, alpha, diff or diff_b tensors',
    got,
    advice,
  })
}

/** The first ten, and how many more. */
export function shown(keys: readonly string[]): string {
  const rest = keys.length > 10 ? ` and ${keys.length - 10} more` : ''
  return `${keys.slice(0, 10).join(', ')}${rest}`
}
