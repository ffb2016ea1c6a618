/**
 * 8-bit integers times a scale of their row or of the whole tensor (ComfyUI's `int8_tensorwise`, `comfy/quant_ops.py`). With
 * `convrot` the columns are rotated: see `rotation.ts`.
 */
import type { Encoding } from '../../../graph/encoding.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { computedAfter } from '../../../graph/ops/computed-after.ts'
import { gather } from '../../../graph/ops/layout.ts'
import type { TensorLocation } from '../../tensor-location.ts'
import type { LayerFormat, StoredLayer } from '../layer-format.ts'
import { rotationSize, unrotated } from '../rotation.ts'
import { readScales, type Scales, scaled, scaledRows, unusable } from '../scales.ts'

export const int8: LayerFormat = {
  markers: ['int8_tensorwise'],
  matches: ({ weight, beside }) => weight.dtype === 'i8' && beside('weight_scale') !== undefined,
  async read(layer) {
    const { weight, beside } = layer
    if (weight.dtype !== 'i8') throw unusable(weight, '8-bit integers', weight.dtype)
    const scale = beside('weight_scale')
    beside('input_scale')
    if (!scale) throw unusable(weight, 'a tensor weight_scale beside it', 'none')
    const scales = await readScales(scale, weight.shape)
    return { ...weight, dtype: 'f32', encoding: encodingOf(weight, scales, rotationOf(layer)) }
  },
}

/** Columns that were rotated together; undefined where none were. */
function rotationOf(layer: StoredLayer): number | undefined {
  const { marker, weight } = layer
  if (marker?.options.convrot !== true) return undefined
  if (weight.shape.length !== 2) throw unusable(weight, 'a matrix to rotate', `rank ${weight.shape.length}`)
  return rotationSize(layer, weight.shape[1]!)
}

function encodingOf(weight: TensorLocation, scales: Scales, group: number | undefined): Encoding {
  return {
    name: group === undefined ? 'int8' : 'int8 ConvRot',
    decode: (graph, key, after) =>
      unrotated(scaled(computedAfter(graph.weight(key, weight), after), { key, scales, after }), group),
    rows(graph, key, ids) {
      const values = cast(gather(graph.weight(key, weight), ids, 0), 'f32')
      return unrotated(scaledRows(values, ids, key, scales), group)
    },
  }
}
