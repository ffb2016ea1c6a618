/**
 * 8-bit integers times a scale of their row or of the whole tensor (ComfyUI's `int8_tensorwise`, `comfy/quant_ops.py`). With
 * `convrot` the columns are rotated: see `rotation.ts`.
 */
import type { Encoding } from '../../../graph/encoding.ts'
import type { LayerFormat, StoredLayer } from '../layer-format.ts'
import { rotationSize, unrotated } from '../rotation.ts'
import { scaledEncoding } from '../scaled-encoding.ts'
import { readScales, unusable } from '../scales.ts'

export const int8: LayerFormat = {
  markers: ['int8_tensorwise'],
  matches: ({ weight, beside }) => weight.dtype === 'i8' && beside('weight_scale') !== undefined,
  async read(layer) {
    const { weight, beside } = layer
    const { dtype } = weight
    if (dtype !== 'i8') throw unusable(weight, '8-bit integers', dtype)
    const scale = beside('weight_scale')
    if (!scale) throw unusable(weight, 'a tensor weight_scale beside it', 'none')
    const scales = await readScales(scale, weight.shape)
    const group = rotationOf(layer)
    const encoding = scaledEncoding('int8', { ...weight, dtype }, scales)
    return { ...weight, dtype: 'f32', encoding: group === undefined ? encoding : rotated(encoding, group) }
  },
}

/** Columns that were rotated together; undefined where none were. */
function rotationOf(layer: StoredLayer): number | undefined {
  const { marker, weight } = layer
  if (marker?.options.convrot !== true) return undefined
  if (weight.shape.length !== 2) throw unusable(weight, 'a matrix to rotate', `rank ${weight.shape.length}`)
  return rotationSize(layer, weight.shape[1]!)
}

function rotated({ decode, rows }: Encoding, group: number): Encoding {
  return {
    name: 'int8 ConvRot',
    decode: (graph, key, after) => unrotated(decode(graph, key, after), group),
    rows: (graph, key, ids) => unrotated(rows(graph, key, ids), group),
  }
}
