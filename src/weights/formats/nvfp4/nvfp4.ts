/**
 * NVFP4: 4-bit floats (E2M1), with an 8-bit scale for every 16 columns and one for the matrix. ComfyUI stores the even
 * column in the high half of a byte, and pads rows and columns to 16 (comfy-kitchen, `comfy/quant_ops.py`).
 */
import type { Encoding } from '../../../graph/encoding.ts'
import { bitAnd, shiftRight } from '../../../graph/ops/bits.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { multiply } from '../../../graph/ops/elementwise.ts'
import { concat, gather, reshape, unsqueeze } from '../../../graph/ops/layout.ts'
import { computedAfter } from '../../../graph/ops/quantization.ts'
import { tensor } from '../../../tensor/tensor.ts'
import type { TensorLocation } from '../../tensor-location.ts'
import type { LayerFormat } from '../layer-format.ts'
import { requireFinite, unusable } from '../scales.ts'
import { checkTiled, untiled } from '../tiled-scales.ts'

const block = 16

/** By their four bits; the highest is the sign. */
const values = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6]

export const nvfp4: LayerFormat = {
  markers: ['nvfp4'],
  matches: () => false,
  async read({ weight, beside }) {
    const [rows = 0, bytes = 0] = weight.shape
    const columns = 2 * bytes
    const whole = weight.shape.length === 2 && rows % block === 0 && columns % block === 0
    if (weight.dtype !== 'u8' || !whole) {
      const got = `${weight.dtype} [${weight.shape.join(', ')}]`
      throw unusable(weight, 'u8 of rows and columns in sixteens', got)
    }
    const scale = beside('weight_scale')
    const second = beside('weight_scale_2')
    beside('input_scale')
    if (!scale || !second) throw unusable(weight, 'weight_scale and weight_scale_2 beside it', 'not both')
    if (second.dtype !== 'f32' || second.bytes !== 4) throw unusable(second, 'one f32', second.dtype)
    checkTiled(scale, ['f8e4m3', 'u8'], rows, columns / block)
    await requireFinite(second)
    const encoding = encodingOf(weight, { ...scale, dtype: 'f8e4m3' }, second)
    return { ...weight, dtype: 'f32', shape: [rows, columns], encoding }
  },
}

function encodingOf(weight: TensorLocation, scale: TensorLocation, second: TensorLocation): Encoding {
  const [rows, bytes] = weight.shape as [number, number]
  const columns = 2 * bytes
  const decode: Encoding['decode'] = (graph, key, after) => {
    const packed = computedAfter(graph.weight(key, weight, [rows, bytes, 1]), after)
    const codes = concat([shiftRight(packed, 4), bitAnd(packed, 15)], 2) // [rows, columns / 2, 2]
    const table = graph.constant(tensor('f32', [16], Float32Array.from(values)))
    const elements = gather(table, cast(reshape(codes, [rows, columns / block, block]), 'i32'), 0)
    const place = { key: `${key}.scale`, scale, rows, columns: columns / block }
    const blocks = untiled(graph, place, after, stored => cast(stored, 'f32'))
    const scales = multiply(graph.weight(`${key}.scale_2`, second, []), blocks)
    return reshape(multiply(elements, unsqueeze(scales, 2)), [rows, columns])
  }
  return {
    name: 'NVFP4',
    padding: block,
    decode,
    rows: (graph, key, ids) => gather(decode(graph, key, ids), ids, 0),
  }
}
