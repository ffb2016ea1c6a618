import { CheckpointError } from '../../errors.ts'
import { elementCount } from '../../tensor/dtype.ts'
import type { Weights } from '../checkpoint.ts'
import { closestKeys } from '../closest-keys.ts'
import type { TensorLocation } from '../tensor-location.ts'
import { type AdapterFile, type AdapterModule, shown } from './adapter-file.ts'
import { type JoinedLayer, joinedTensors, modulesApart } from './joined-rows.ts'

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

/** What tensors are called. */
export interface TensorNames {
  readonly originalNames: OriginalNames
  /** From the makers' names to those of another tool, where it has its own. @default none */
  readonly toolNames?: OriginalNames
  /** Layers that the makers have as one, or with rows in another order. @default none */
  readonly joined?: readonly JoinedLayer[]
  /**
   * Tensors of the family's other variants, by the checkpoint's kind of names. Adapters that were made for those are
   * run without what they add to them.
   */
  readonly variantTensors: readonly string[]
}

export interface AdaptationResult {
  readonly adaptations: Adaptations
  /** Modules that this checkpoint has not, but other variants of the family have, by file. */
  readonly leftOut: readonly { readonly file: string; readonly modules: readonly string[] }[]
}

/**
 * Finds the tensors that adapters change. A module may be called as the checkpoint calls it or as the model's makers
 * do, with dots or underscores.
 * @throws CheckpointError `checkpoint/tensors` when a module is not in the checkpoint, or a shape does not fit
 */
export function adaptationsOf(
  adapters: readonly ScaledAdapter[],
  weights: Weights,
  names: TensorNames,
): AdaptationResult {
  const found = new Map<string, { lowRank: LowRank[]; additions: Adaptation['additions'][number][] }>()
  const leftOut: AdaptationResult['leftOut'][number][] = []
  const tensors = tensorsByName(weights, names)
  const variants = new Set(names.variantTensors.flatMap(key => spellings(key, names)))
  const joined = joinedTensors(weights.tensors.values(), names.joined ?? [], key => toolSpellings(key, names))
  const at = ({ key }: TensorLocation) => {
    const entry = found.get(key) ?? { lowRank: [], additions: [] }
    found.set(key, entry)
    return entry
  }
  for (const { file, scale } of adapters) {
    const isAbsent = (module: AdapterModule) =>
      namesOf(module).every(name => isVariant(name, tensors, variants))
    const absent = file.modules.filter(isAbsent)
    const modules = file.modules
      .filter(module => !absent.includes(module))
      .flatMap(module => {
        if (namesOf(module).some(name => tensors.has(flat(name)))) return [module]
        return modulesApart(module, leaf => joined.get(flat(`${module.name}.${leaf}`))) ?? [module]
      })
    checkNames(file, modules.length === 0 ? absent : modules, tensors)
    checkDistinct(file, modules, tensors)
    if (absent.length > 0) leftOut.push({ file: file.path, modules: absent.map(({ name }) => name) })
    for (const module of modules) {
      const tensor = (leaf: string) => tensors.get(flat(`${module.name}.${leaf}`))!
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
  return { adaptations: found, leftOut }
}

function scaled(lowRank: LowRank, scale: number): LowRank {
  return { ...lowRank, scale: lowRank.scale * scale }
}

/** The checkpoint's tensors under every name that an adapter may use, dots written as underscores. */
export function tensorsByName(weights: Weights, names: TensorNames): ReadonlyMap<string, TensorLocation> {
  const byName = new Map<string, TensorLocation>()
  for (const [key, tensor] of weights.tensors) {
    for (const name of spellings(key, names)) byName.set(name, tensor)
  }
  return byName
}

/** A tensor's name by the checkpoint, by the model's makers, and by tools with names of their own. */
function spellings(key: string, names: TensorNames): string[] {
  return [flat(key), ...toolSpellings(renamed(key, names.originalNames), names)]
}

function toolSpellings(original: string, { toolNames = [] }: TensorNames): string[] {
  return [flat(original), flat(renamed(original, toolNames))]
}

function renamed(key: string, names: OriginalNames): string {
  return names.reduce((name, [pattern, to]) => name.replace(pattern, to), key)
}

/** Tools write dots as underscores, some of them or all: `blocks.0.ffn.2.weight` → `blocks_0_ffn_2_weight` */
export function flat(key: string): string {
  return key.replaceAll('.', '_')
}

function isVariant(
  name: string,
  tensors: ReadonlyMap<string, TensorLocation>,
  variants: ReadonlySet<string>,
): boolean {
  return variants.has(flat(name)) && !tensors.has(flat(name))
}

function checkNames(
  file: AdapterFile,
  modules: readonly AdapterModule[],
  tensors: ReadonlyMap<string, TensorLocation>,
): void {
  const strays = modules.flatMap(namesOf).filter(name => !tensors.has(flat(name)))
  const [first] = strays
  if (first === undefined) return
  const keys = [...tensors.values()].map(({ key }) => key)
  throw new CheckpointError('checkpoint/tensors', {
    subject: `adapter ${file.path}`,
    expected: 'only tensors of this model',
    got: `${strays.length} of another: ${shown(strays)}`,
    advice: `The closest to ${first} is ${closestKeys(first, keys, 1)}. The adapter is of another model or size.`,
  })
}

/** A file may name a layer in two ways, which are one layer. */
function checkDistinct(
  file: AdapterFile,
  modules: readonly AdapterModule[],
  tensors: ReadonlyMap<string, TensorLocation>,
): void {
  const names = new Map<TensorLocation, string>()
  for (const name of modules.flatMap(namesOf)) {
    const tensor = tensors.get(flat(name))!
    const other = names.get(tensor)
    if (other !== undefined) {
      throw new CheckpointError('checkpoint/tensors', {
        subject: `adapter ${file.path}`,
        expected: `one change of ${tensor.key}`,
        got: `${other} and ${name}`,
        advice: 'Split the file: an adapter is one set of weights.',
      })
    }
    names.set(tensor, name)
  }
}

/** The tensors that a module changes. */
export function namesOf({ name, lowRank, additions }: AdapterModule): string[] {
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
