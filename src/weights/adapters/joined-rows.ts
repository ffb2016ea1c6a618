/** Layers that an adapter's makers have as one matrix, or with its rows in another order, and a checkpoint does not. */
import type { TensorLocation } from '../tensor-location.ts'
import { splitRows, swapHalves } from '../tensor-rows.ts'
import type { AdapterModule } from './adapter-file.ts'

/** A matrix of the makers. */
export interface JoinedLayer {
  /** What keys of the checkpoint begin with that are its rows, from the first ones on; each matches one group, the block. */
  readonly parts: readonly RegExp[]
  /** What its name begins with, `$1` being the block. */
  readonly name: string
  /** Whether, of one part, the halves of its rows are the other way round. */
  readonly swapped?: true
}

/** Tensors of the checkpoint by the name of the makers' tensor whose rows they are. */
export type JoinedTensors = ReadonlyMap<
  string,
  { readonly parts: readonly TensorLocation[]; readonly swapped: boolean }
>

/** @param spell what an adapter may call a name */
export function joinedTensors(
  tensors: Iterable<TensorLocation>,
  layers: readonly JoinedLayer[],
  spell: (name: string) => readonly string[],
): JoinedTensors {
  const found = new Map<string, { parts: TensorLocation[]; swapped: boolean }>()
  for (const tensor of tensors) {
    for (const { parts, name, swapped = false } of layers) {
      const part = parts.findIndex(pattern => pattern.test(tensor.key))
      if (part < 0) continue
      for (const spelling of spell(tensor.key.replace(parts[part]!, name))) {
        const entry = found.get(spelling) ?? { parts: [], swapped }
        entry.parts[part] = tensor
        found.set(spelling, entry)
      }
    }
  }
  return found
}

/** A module of a joined layer as modules of the checkpoint's layers; undefined where it is of none, or its rows are others. */
export function modulesApart(
  module: AdapterModule,
  tensorsOf: (
    leaf: string,
  ) => { readonly parts: readonly TensorLocation[]; readonly swapped: boolean } | undefined,
): AdapterModule[] | undefined {
  const { lowRank, additions } = module
  const leaves = [...new Set([...(lowRank ? ['weight'] : []), ...additions.map(({ leaf }) => leaf)])]
  const joined = leaves.map(leaf => tensorsOf(leaf))
  const [first] = joined
  if (!first || joined.some(each => each?.parts.length !== first.parts.length)) return undefined
  const count = first.parts.length
  const rows = first.parts.reduce((sum, { shape }) => sum + shape[0]!, 0)
  const whole = [...(lowRank ? [lowRank.up] : []), ...additions.map(({ tensor }) => tensor)]
  if (whole.some(({ shape }) => shape[0] !== rows)) return undefined
  const apart = (tensor: TensorLocation) => {
    if (first.swapped) return [swapHalves(tensor, tensor.key)]
    const keys = Array.from({ length: count }, (_, part) => `${tensor.key}.${part}`)
    return [...splitRows(tensor, keys).values()]
  }
  const ups = lowRank && apart(lowRank.up)
  const added = additions.map(each => apart(each.tensor))
  return first.parts.map(({ key }, part) => ({
    ...module,
    name: key.slice(0, key.lastIndexOf('.')),
    lowRank: lowRank && { ...lowRank, up: ups![part]! },
    additions: additions.map((each, index) => ({ ...each, tensor: added[index]![part]! })),
  }))
}
