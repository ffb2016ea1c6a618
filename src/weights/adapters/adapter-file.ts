import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError } from '../../errors.ts'
import { readSafetensorsHeader } from '../read-header.ts'
import { readTensor } from '../read-tensor.ts'
import type { SafetensorsFile, Stamped, TensorLocation } from '../tensor-location.ts'
import { toFloat32 } from '../to-float32.ts'
import { isOfTextEncoder, moduleName, otherKind, type Part, parseAdapterKey } from './key-names.ts'
import { type ModuleScale, moduleScales } from './module-scales.ts'
import { scaleSources, useMerged } from './scale-sources.ts'

/**
 * An adapter (LoRA: Hu et al., 2021, https://arxiv.org/abs/2106.09685) as it is stored, with names as the file has
 * them. A module's weight W becomes W + scale · up · down; other tensors are added as they are.
 */
export interface AdapterFile extends Stamped {
  /** Real path. */
  readonly path: string
  readonly modules: readonly AdapterModule[]
  /** The free text pairs of the header. */
  readonly metadata: ReadonlyMap<string, string>
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

/** Its scale is α / rank, or α / √rank. */
export interface LowRankTensors extends ModuleScale {
  /** [rank, in], or a convolution's [rank, in, …]. */
  readonly down: TensorLocation
  /** [out, rank], or a convolution's [out, rank, 1, …]. */
  readonly up: TensorLocation
}

export interface AdapterAddition {
  readonly leaf: 'weight' | 'bias' | 'modulation'
  readonly tensor: TensorLocation
  readonly scale: number
}

/** A module's tensors by what they are of it. */
interface StoredModule {
  readonly stored: string
  readonly tensors: ReadonlyMap<Part, TensorLocation>
}

/**
 * Reads the header of an adapter's file and its scales; the weights stay in the file.
 * @throws CheckpointError `checkpoint/not-found` or `checkpoint/corrupt` for what is no .safetensors file,
 * `checkpoint/tensors` that lists the keys that no layout has, `checkpoint/config` for scales that contradict each other
 */
export async function readAdapter(file: string): Promise<AdapterFile> {
  await refuseFolder(file)
  const header = await readSafetensorsHeader(file)
  const modules = storedModules(header)
  const sources = await scaleSources(file, header)
  const lowRanks = await Promise.all(modules.map(module => lowRankOf(header.path, module)))
  const scales = moduleScales(
    header.path,
    lowRanks.flatMap(each => each?.scaled ?? []),
    sources,
  )
  const scaled = scales.values()
  return {
    path: header.path,
    stamp: header.stamp,
    metadata: header.metadata,
    modules: modules.map((module, index) => {
      const matrices = lowRanks[index]?.matrices
      return moduleOf(module, matrices && { ...matrices, ...scaled.next().value! })
    }),
  }
}

async function refuseFolder(folder: string): Promise<void> {
  const entries = await readdir(folder).catch(() => undefined)
  if (entries === undefined) return
  const files = entries.filter(name => name.endsWith('.safetensors')).map(name => path.join(folder, name))
  throw new CheckpointError('checkpoint/not-found', {
    subject: `adapter ${folder}`,
    expected: 'a .safetensors file',
    got: 'a folder',
    ...(files.length > 0 && { advice: `Give a file of it: ${shown(files)}.` }),
  })
}

function storedModules(header: SafetensorsFile): StoredModule[] {
  const modules = new Map<string, Map<Part, TensorLocation>>()
  const unknown: string[] = []
  for (const [key, tensor] of header.tensors) {
    const parsed = parseAdapterKey(key)
    if (parsed === undefined) {
      unknown.push(key)
      continue
    }
    const tensors = modules.get(parsed.stored) ?? new Map<Part, TensorLocation>()
    const other = tensors.get(parsed.part)
    if (other) throw twice(header, other.key, key)
    modules.set(parsed.stored, tensors.set(parsed.part, tensor))
  }
  if (unknown.length > 0 || modules.size === 0) throw unreadable(header, unknown)
  return [...modules].map(([stored, tensors]) => ({ stored, tensors }))
}

function moduleOf({ stored, tensors }: StoredModule, lowRank: LowRankTensors | undefined): AdapterModule {
  const { name, component } = moduleName(stored)
  const additions = additionParts.flatMap(([part, leaf]) => {
    const tensor = tensors.get(part)
    return tensor ? [{ leaf, tensor, scale: part === 'up-bias' ? (lowRank?.scale ?? 1) : 1 }] : []
  })
  return { name, component, lowRank, additions }
}

const additionParts: readonly (readonly [Part, AdapterAddition['leaf']])[] = [
  ['diff', 'weight'],
  ['diff-bias', 'bias'],
  ['up-bias', 'bias'],
  ['diff-modulation', 'modulation'],
]

/** The matrices of a module, and what its scale depends on. */
async function lowRankOf(file: string, { stored, tensors }: StoredModule) {
  const down = tensors.get('down')
  const up = tensors.get('up')
  const alpha = tensors.get('alpha')
  const rank = down?.shape[0] ?? 0
  if (down && up && rank > 0 && up.shape[1] === rank) {
    const downUp = down.key.includes('lora_down')
    const { component, forms, name } = moduleName(stored)
    const value = alpha && (await scalarOf(alpha))
    return { matrices: { down, up }, scaled: { name, forms, component, rank, alpha: value, downUp } }
  }
  const lone = down ?? up ?? alpha ?? tensors.get('up-bias')
  if (lone === undefined) return undefined
  throw new CheckpointError('checkpoint/tensors', {
    subject: `adapter ${file}: ${down || up ? stored : lone.key}`,
    expected: 'a down matrix [rank, in] and an up matrix [out, rank]',
    got: `${shapeText(down)} and ${shapeText(up)}`,
  })
}

function shapeText(tensor: TensorLocation | undefined): string {
  return tensor ? `[${tensor.shape.join(', ')}]` : 'none'
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

function twice(header: SafetensorsFile, first: string, second: string): CheckpointError {
  return new CheckpointError('checkpoint/tensors', {
    subject: `adapter ${header.path}`,
    expected: 'one tensor for each part of a module',
    got: `${first} and ${second}`,
    advice: 'Split the file: an adapter is one set of weights.',
  })
}

function unreadable(header: SafetensorsFile, unknown: readonly string[]): CheckpointError {
  const refuse = (expected: string, got: string, advice: string) => {
    return new CheckpointError('checkpoint/tensors', {
      subject: `adapter ${header.path}`,
      expected,
      got,
      advice,
    })
  }
  const tensors = 'lora_A and lora_B, lora_down and lora_up, alpha, diff or diff_b tensors'
  if (header.tensors.size === 0) return refuse(tensors, 'no tensor', 'Download the file again.')
  const forText = unknown.filter(isOfTextEncoder)
  if (forText.length > 0) {
    const got = `${forText.length} for a text encoder: ${shown(forText)}`
    return refuse(tensors, got, 'Text encoders of video models are not adapted.')
  }
  const kind = unknown.map(otherKind).find(each => each !== undefined)
  if (kind !== undefined) {
    const keys = unknown.filter(key => otherKind(key) === kind)
    return refuse('a plain LoRA', `${kind}: ${shown(keys)}`, useMerged)
  }
  const got = `${unknown.length} of another kind: ${shown(unknown)}`
  return refuse(tensors, got, 'Is it an adapter of a video model?')
}

/** The first ten, and how many more. */
export function shown(keys: readonly string[]): string {
  const rest = keys.length > 10 ? ` and ${keys.length - 10} more` : ''
  return `${keys.slice(0, 10).join(', ')}${rest}`
}
