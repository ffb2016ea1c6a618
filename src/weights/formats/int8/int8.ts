/**
 * 8-bit integers times a scale of their row or of the whole matrix (ComfyUI's `int8_tensorwise`). With `convrot` the
 * columns were rotated in groups before they were rounded: W = (q · s) · R, where R is H4 ⊗ … ⊗ H4 / √size, which is
 * its own inverse (ComfyUI `comfy/quant_ops.py`, comfy-kitchen).
 */
import type { Encoding } from '../../../graph/encoding.ts'
import type { Value } from '../../../graph/graph.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { multiply } from '../../../graph/ops/elementwise.ts'
import { gather, reshape, unsqueeze } from '../../../graph/ops/layout.ts'
import { matmulTransposed } from '../../../graph/ops/matmul.ts'
import { computedAfter, dequantize } from '../../../graph/ops/quantization.ts'
import { type Tensor, tensor } from '../../../tensor/tensor.ts'
import type { TensorLocation } from '../../tensor-location.ts'
import type { LayerFormat, StoredLayer } from '../layer-format.ts'
import { rowScales, unusable } from '../scales.ts'

export const int8: LayerFormat = {
  markers: ['int8_tensorwise'],
  matches: ({ weight, beside }) =>
    weight.dtype === 'i8' && weight.shape.length === 2 && beside('weight_scale') !== undefined,
  async read(layer) {
    const { weight, beside } = layer
    if (weight.dtype !== 'i8' || weight.shape.length !== 2) {
      throw unusable(weight, 'a matrix of 8-bit integers', `${weight.dtype} of rank ${weight.shape.length}`)
    }
    const scale = beside('weight_scale')
    beside('input_scale')
    if (!scale) throw unusable(weight, 'a tensor weight_scale beside it', 'none')
    const scales = await rowScales(scale, weight.shape[0]!)
    return { ...weight, dtype: 'f32', encoding: encodingOf(weight, scales, rotationOf(layer)) }
  },
}

/** Columns that were rotated together; undefined where none were. */
function rotationOf({ marker, weight }: StoredLayer): number | undefined {
  const { convrot, convrot_groupsize: size = 256 } = marker?.options ?? {}
  if (convrot !== true) return undefined
  const columns = weight.shape[1]!
  const power = typeof size === 'number' && size >= 4 && Number.isInteger(Math.log2(size) / 2)
  if (power && columns % size === 0) return size
  throw unusable(weight, `a group size of a power of 4 that divides ${columns} columns`, String(size))
}

function encodingOf(weight: TensorLocation, scale: TensorLocation, group: number | undefined): Encoding {
  return {
    name: group === undefined ? 'int8' : 'int8 ConvRot',
    decode(graph, key, after) {
      const scales = graph.weight(`${key}.scale`, scale)
      return unrotated(dequantize(computedAfter(graph.weight(key, weight), after), scales), group)
    },
    rows(graph, key, ids) {
      const scales = graph.weight(`${key}.scale`, scale)
      const values = cast(gather(graph.weight(key, weight), ids, 0), 'f32')
      const perRow = scales.shape.length === 0 ? scales : unsqueeze(gather(scales, ids, 0), ids.shape.length)
      return unrotated(multiply(values, perRow), group)
    },
  }
}

/** [..., columns] → the same, each group of columns times the rotation. */
function unrotated(x: Value, group: number | undefined): Value {
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
