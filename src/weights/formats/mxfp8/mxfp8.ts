/**
 * MXFP8 (OCP Microscaling Formats 1.0): 8-bit floats (E4M3) with a power of two for every 32 columns, in ComfyUI's tiles;
 * rows and columns are padded to 32.
 */
import type { Encoding } from '../../../graph/encoding.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { computedAfter } from '../../../graph/ops/computed-after.ts'
import { multiply } from '../../../graph/ops/elementwise.ts'
import { gather, reshape, unsqueeze } from '../../../graph/ops/layout.ts'
import { tensor } from '../../../tensor/tensor.ts'
import type { TensorLocation } from '../../tensor-location.ts'
import type { LayerFormat } from '../layer-format.ts'
import { storedAs, unusable } from '../scales.ts'
import { checkTiled, isInTiles, untiled } from '../tiled-scales.ts'
import { verifyScales } from '../verify-scales.ts'
import { wholeEncoding } from '../whole-encoding.ts'

const block = 32

export const mxfp8: LayerFormat = {
  markers: ['mxfp8'],
  matches: ({ weight, beside }) => weight.dtype === 'f8e4m3' && beside('weight_scale')?.dtype === 'u8',
  async read({ weight, beside }) {
    const [rows = 0, columns = 0] = weight.shape
    const whole = weight.shape.length === 2 && rows % block === 0 && columns % block === 0
    if (weight.dtype !== 'f8e4m3' || !whole) {
      throw unusable(weight, 'f8e4m3 of rows and columns in thirty-twos', storedAs(weight))
    }
    const scale = beside('weight_scale')
    if (!scale) throw unusable(weight, 'weight_scale beside it', 'none')
    checkTiled(scale, ['u8'], rows, columns / block)
    return { ...weight, dtype: 'f32', encoding: encodingOf(weight, scale) }
  },
}

/** 2^(e − 127) of every byte; 0 stands for 0, and 255 for no number. */
const powers = Float32Array.from({ length: 256 }, (_, exponent) => {
  return exponent === 0 ? 0 : exponent === 255 ? Number.NaN : 2 ** (exponent - 127)
})

function encodingOf(weight: TensorLocation, scale: TensorLocation): Encoding {
  const [rows, columns] = weight.shape as [number, number]
  const decode: Encoding['decode'] = (graph, key, after) => {
    const stored = computedAfter(graph.weight(key, weight, [rows, columns / block, block]), after)
    const place = { key: `${key}.scale`, scale, rows, columns: columns / block }
    const table = graph.constant(tensor('f32', [256], powers))
    const scales = untiled(graph, place, after, exponents => gather(table, cast(exponents, 'i32'), 0))
    return reshape(multiply(cast(stored, 'f32'), unsqueeze(scales, 2)), [rows, columns])
  }
  const isUsed = isInTiles(scale, rows, columns / block)
  const verify = () => verifyScales({ tensor: scale, type: 'e8m0', stride: 1, isUsed })
  return wholeEncoding({ name: 'MXFP8', padding: block, decode, verify })
}
