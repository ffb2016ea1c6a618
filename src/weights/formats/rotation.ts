/**
 * ConvRot: the columns of a weight were rotated in groups before they were rounded, W = W′ · R, where R is
 * H4 ⊗ … ⊗ H4 / √size, which is its own inverse (comfy-kitchen, `backends/eager/convrot_w4a4.py`).
 */
import type { Value } from '../../graph/graph.ts'
import { reshape } from '../../graph/ops/layout.ts'
import { matmulTransposed } from '../../graph/ops/matmul.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import type { StoredLayer } from './layer-format.ts'
import { unusable } from './scales.ts'

const usualSize = 256

/**
 * Columns that were rotated together, as the marker says.
 * @throws CheckpointError `checkpoint/tensors` for a size that is no power of 4, or does not divide the columns
 */
export function rotationSize({ marker, weight }: StoredLayer, columns: number): number {
  const size = marker?.options.convrot_groupsize ?? usualSize
  const power = typeof size === 'number' && size >= 4 && Number.isInteger(Math.log2(size) / 2)
  if (power && columns % size === 0) return size
  throw unusable(weight, `a group size of a power of 4 that divides ${columns} columns`, String(size))
}

/** [..., columns] → the same, each group of columns times the rotation. */
export function unrotated(x: Value, group: number | undefined): Value {
  if (group === undefined) return x
  const columns = Number(x.shape.at(-1))
  const leading = x.shape.slice(0, -1).map(() => '=' as const)
  const grouped = reshape(x, [...leading, columns / group, group]) // [..., groups, group]
  const product = matmulTransposed(grouped, x.graph.constant(rotation(group)))
  return reshape(product, [...leading, columns]) // [..., columns]
}

const h4 = [
  [1, 1, 1, -1],
  [1, 1, -1, 1],
  [1, -1, 1, 1],
  [-1, 1, 1, 1],
]

/** R [size, size]: the Kronecker product of H4 with itself, over √size. */
function rotation(size: number): Tensor<'f32'> {
  const values = new Float32Array(size * size).fill(1 / Math.sqrt(size))
  for (let digit = 1; digit < size; digit *= 4) {
    for (let index = 0; index < values.length; index++) {
      const row = Math.floor(index / size / digit) % 4
      const column = Math.floor((index % size) / digit) % 4
      values[index]! *= h4[row]![column]!
    }
  }
  return tensor('f32', [size, size], values)
}
