import { CheckpointError } from '../errors.ts'
import { elementCount } from '../tensor/dtype.ts'
import { type AdapterFile, type AdapterModule, shown } from './adapter-file.ts'
import type { Weights } from './checkpoint.ts'
import { closestKeys } from './closest-keys.ts'
import type { TensorLocation } from './tensor-location.ts'

/** Rewrites a checkpoint's key, step by step, to what the model's makers call the tensor. */
export type OriginalNames = readonly (readonly [pattern: RegExp, replacement: string])[]

/** What adapters add to one tensor of a checkpoint. */
export interface Adaptation {
  /** W + scale · up · down, as matrices. */
  readonly lowRank: readonly LowRank[]
  /** W + scale · tensor, of W's shape. */
  readonly additions: readonly { readonly tensor: TensorLocation; readonly scale: number }[]
}

export interface LowRank {
  /** [rank, in]: a convolution's kernel is read as the row of a matrix. */
  readonly down: TensorLocation
  /** [out, rank] */
  readonly up: TensorLocation
  readonly scale: number
}

/** Adaptations by the keys of the tensors that they change. */
export type Adaptations = ReadonlyMap<string, Adaptation>

/** An adapter and how strongly it counts. */
export interface ScaledAdapter {
  readonly file: AdapterFile
  readonly scale: number
}

/**
 * Finds the tensors that adapters change. A module may be called as the checkpoint calls it or as the model's makers
 * do, with dots or, as kohya's tools write, with underscores.
 * @throws CheckpointError `checkpoint/tensors` when a module is not in the checkpoint, or a shape does not fit
 */
export function adaptationsOf(
  adapters: readonly ScaledAdapter[],
  weights: Weights,
  originalNames: OriginalNames,
): Adaptations {
  const found = new Map<string, { lowRank: LowRank[]; additions: Adaptation['additions'][number][] }>()
  const tensors = tensorsByName(weights, originalNames)
  const at = ({ key }: TensorLocation) => {
    const entry = found.get(key) ?? { lowRank: [], additions: [] }
    found.set(key, entry)
    return entry
  }
  for (const { file, scale } of adapters) {
    checkNames(file, tensors)
    for (const module of file.modules) {
      const tensor = (leaf: string) => tensors.get(`${module.name}.${leaf}`)!
      if (module.lowRank) {
        const weight = tensor('weight')
        at(weight).lowRank.push(scaled(fitLowRank(module.lowRank, weight), scale))
      }
      for (const { leaf, tensor: added, scale: own } of module.additions) {
        checkShape(added, tensor(leaf))
        at(tensor(leaf)).additions.push({ tensor: added, scale: own * scale })
      }
    }
  }
  return found
}

function scaled(lowRank: LowRank, scale: number): LowRank {
  return { ...lowRank, scale: lowRank.scale * scale }
}

/** The checkpoint's tensors under every name that an adapter may use. */
function tensorsByName(weights: Weights, originalNames: OriginalNames): ReadonlyMap<string, TensorLocation> {
  const byName = new Map<string, TensorLocation>()
  for (const [key, tensor] of weights.tensors) {
    const original = originalNames.reduce((name, [pattern, to]) => name.replace(pattern, to), key)
    for (const name of [key, original, underscored(key), underscored(original)]) byName.set(name, tensor)
  }
  return byName
}

/** `blocks.0.ffn.2.weight` → `blocks_0_ffn_2.weight` */
function underscored(key: string): string {
  const end = key.lastIndexOf('.')
  return key.slice(0, end).replaceAll('.', '_') + key.slice(end)
}

function checkNames(file: AdapterFile, tensors: ReadonlyMap<string, TensorLocation>): void {
  const strays = file.modules.flatMap(module => {
    return namesOf(module).filter(name => !tensors.has(name))
  })
  const [first] = strays
  if (first === undefined) return
  throw new CheckpointError('checkpoint/tensors', {
    subject: `adapter ${file.path}`,
    expected: 'only tensors of this model',
    got: `${strays.length} of another: ${shown(strays)}`,
    advice: `The closest to ${first} is ${closestKeys(first, tensors.keys(), 1)}. The adapter is of another model or size.`,
  })
}

function namesOf({ name, lowRank, additions }: AdapterModule): string[] {
  const leaves = new Set([...(lowRank ? ['weight'] : []), ...additions.map(({ leaf }) => leaf)])
  return [...leaves].map(leaf => `${name}.${leaf}`)
}

function fitLowRank({ down, up, scale }: LowRank, weight: TensorLocation): LowRank {
  const [rank = 0] = down.shape
  const [out = 0, ...rest] = weight.shape
  const inner = elementCount(rest)
  if (elementCount(down.shape) !== rank * inner) throw misfit(down, [rank, ...rest], weight)
  if (elementCount(up.shape) !== out * rank) throw misfit(up, [out, rank], weight)
  return { down: { ...down, shape: [rank, inner] }, up: { ...up, shape: [out, rank] }, scale }
}

function checkShape(added: TensorLocation, weight: TensorLocation): void {
  const same =
    added.shape.length === weight.shape.length && added.shape.every((dim, axis) => dim === weight.shape[axis])
  if (!same) throw misfit(added, weight.shape, weight)
}

function misfit(got: TensorLocation, shape: readonly number[], weight: TensorLocation): CheckpointError {
  return new CheckpointError('checkpoint/tensors', {
    subject: `adapter ${got.file}: ${got.key}`,
    expected: `shape [${shape.join(', ')}], as ${weight.key} is [${weight.shape.join(', ')}]`,
    got: `[${got.shape.join(', ')}]`,
    advice: 'The adapter is of another model or size.',
  })
}
