import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { CheckpointError, messageOf } from '../../errors.ts'
import { wrongField } from '../../schema-issue.ts'
import type { SafetensorsFile } from '../tensor-location.ts'
import type { Patterns } from './module-pattern.ts'

/** What one place says of an adapter's scales. */
export interface ScaleSource {
  /** As messages call it. */
  readonly name: string
  /** The part of the checkpoint that it is of, where it names one beside others. */
  readonly component: string | undefined
  /** Whether it speaks only of pairs that are called lora_down and lora_up. */
  readonly downUpOnly: boolean
  readonly alpha: number | undefined
  readonly rank: number | undefined
  readonly alphaPatterns: Patterns
  readonly rankPatterns: Patterns
  /** Whether the scale is α / √rank (rsLoRA). */
  readonly rankStabilised: boolean | undefined
}

const unsaid: Omit<ScaleSource, 'name'> = {
  component: undefined,
  downUpOnly: false,
  alpha: undefined,
  rank: undefined,
  alphaPatterns: {},
  rankPatterns: {},
  rankStabilised: undefined,
}

const patterns = z.record(z.string(), z.number()).nullish()
const peftConfig = z.looseObject({
  peft_type: z.string().nullish(),
  lora_alpha: z.number().nullish(),
  r: z.number().nullish(),
  alpha_pattern: patterns,
  rank_pattern: patterns,
  use_rslora: z.boolean().nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
})

/** Fields of PEFT's config that make something else than W + scale · up · down of it. */
const otherMethods = {
  use_dora: 'DoRA',
  use_qalora: 'QALoRA',
  use_bdlora: 'BD-LoRA',
  alora_invocation_tokens: 'aLoRA',
  arrow_config: 'Arrow',
  layer_replication: 'layers that are repeated',
}

/** Ways to begin the training that change the model's own weights, too. */
const otherStarts = /^(?:pissa|olora|corda|loftq|lora_ga)/i

/** Pairs of the header whose value is PEFT's config as JSON; diffusers writes the first. */
const configPairs = ['lora_adapter_metadata', 'adapter_config', 'peft_config', 'lora_config']

/** Pairs of the header whose value is an α. */
const alphaPairs = ['lora_alpha', 'network_alpha']

/**
 * Reads what a file's header and an adapter_config.json beside it say of scales.
 * @param file the path as the caller has it: the real one may lie in a cache, beside other files
 * @throws CheckpointError `checkpoint/config` for what is no LoRA, or cannot be read
 */
export async function scaleSources(file: string, header: SafetensorsFile): Promise<ScaleSource[]> {
  return [
    ...configPairs.flatMap(key => {
      const text = header.metadata.get(key)
      return text === undefined ? [] : peftSources(`${key} in the header`, header.path, text)
    }),
    ...flatSources(header),
    ...kohyaSource(header),
    ...(await configBeside(file)),
  ]
}

/** diffusers puts the component before each field: `transformer.lora_alpha`. */
function peftSources(name: string, file: string, text: string): ScaleSource[] {
  const groups = new Map<string | undefined, Record<string, unknown>>()
  for (const [key, value] of Object.entries(jsonObject(name, file, text))) {
    const end = key.lastIndexOf('.')
    const component = end === -1 ? undefined : key.slice(0, end)
    if (component?.startsWith('text_encoder')) continue
    const group = groups.get(component) ?? {}
    groups.set(component, group)
    group[key.slice(end + 1)] = value
  }
  return [...groups].map(([component, fields]) => {
    const source = peftSource(name, file, fields)
    return { ...source, component: groups.size === 1 ? undefined : component }
  })
}

function peftSource(name: string, file: string, fields: Record<string, unknown>): ScaleSource {
  const parsed = peftConfig.safeParse(fields)
  if (!parsed.success) {
    const { field, expected, got } = wrongField(parsed.error, fields, peftConfig)
    throw invalid(file, name, `a valid ${field} (${expected})`, got)
  }
  const { peft_type, lora_alpha, r, alpha_pattern, rank_pattern, use_rslora, init_lora_weights } = parsed.data
  const other = Object.entries(otherMethods).find(([field]) => isSet(fields[field]))
  const method =
    peft_type && peft_type !== 'LORA'
      ? `${peft_type} (peft_type)`
      : other
        ? `${other[1]} (${other[0]})`
        : typeof init_lora_weights === 'string' && otherStarts.test(init_lora_weights)
          ? `one that changes the model too (init_lora_weights ${init_lora_weights})`
          : undefined
  if (method !== undefined) throw invalid(file, name, 'a plain LoRA', method, useMerged)
  return {
    ...unsaid,
    name,
    alpha: lora_alpha ?? undefined,
    rank: r ?? undefined,
    alphaPatterns: alpha_pattern ?? {},
    rankPatterns: rank_pattern ?? {},
    rankStabilised: use_rslora ?? undefined,
  }
}

/** What to do about an adapter of a kind that is not run. */
export const useMerged =
  'Merge it into the transformer with the tool that trained it and run that checkpoint, or save it as a plain LoRA.'

function isSet(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value)
}

function flatSources({ path: file, metadata }: SafetensorsFile): ScaleSource[] {
  const stabilised = metadata.get('use_rslora')?.toLowerCase()
  const rankStabilised = stabilised === undefined ? undefined : stabilised === 'true' || stabilised === '1'
  return alphaPairs.flatMap(key => {
    const text = metadata.get(key)
    if (text === undefined) return []
    const name = `${key} in the header`
    const alpha = Number(text)
    if (text.trim() === '' || !Number.isFinite(alpha))
      throw invalid(file, name, 'a number', JSON.stringify(text))
    return [{ ...unsaid, name, alpha, rankStabilised }]
  })
}

/**
 * kohya's header. Its own pairs have an α tensor each; a file that was converted to lora_A and lora_B keeps the header
 * while the α is in the matrices, so that it says nothing of those. With α by kinds of layer it is not of every module.
 */
function kohyaSource({ metadata }: SafetensorsFile): ScaleSource[] {
  const alpha = Number.parseFloat(metadata.get('ss_network_alpha') ?? '')
  if (!Number.isFinite(alpha) || /alpha/.test(metadata.get('ss_network_args') ?? '')) return []
  return [{ ...unsaid, name: 'ss_network_alpha in the header', alpha, downUpOnly: true }]
}

/** PEFT's config is of adapter_model.safetensors, or of what that file was renamed to. */
async function configBeside(file: string): Promise<ScaleSource[]> {
  const folder = path.dirname(file)
  const own = path.join(folder, 'adapter_model.safetensors')
  if (path.basename(file) !== path.basename(own) && (await isThere(own))) return []
  const config = path.join(folder, 'adapter_config.json')
  if (!(await isThere(config))) return []
  const name = 'adapter_config.json'
  return [peftSource(name, config, jsonObject(name, config, await readFile(config, 'utf8')))]
}

async function isThere(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  )
}

function jsonObject(name: string, file: string, text: string): Record<string, unknown> {
  const got = text.slice(0, 40)
  try {
    const parsed = z.record(z.string(), z.unknown()).safeParse(JSON.parse(text))
    if (parsed.success) return parsed.data
  } catch (cause) {
    throw invalid(file, name, 'a JSON object', `${JSON.stringify(got)}: ${messageOf(cause)}`)
  }
  throw invalid(file, name, 'a JSON object', got)
}

function invalid(
  file: string,
  name: string,
  expected: string,
  got: string,
  advice?: string,
): CheckpointError {
  const subject = path.basename(file) === name ? file : `${file}: ${name}`
  return new CheckpointError('checkpoint/config', { subject, expected, got, ...(advice && { advice }) })
}
