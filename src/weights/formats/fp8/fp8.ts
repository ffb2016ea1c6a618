/**
 * 8-bit floats: each element times a scale of its row, of its block or of the whole tensor, or a plain cast without one.
 * ComfyUI's `comfy/quant_ops.py` (`float8_e4m3fn`, `float8_e5m2`), which called the scale `scale_weight` before; Lightricks'
 * `ltx_core/quantization/fp8_scaled_mm.py`; blocks are those of transformers' `FP8Linear` (`weight_scale_inv`, which is a
 * factor all the same) and of musubi-tuner. The scale of the layer's input (`input_scale`) is for 8-bit arithmetic, and
 * not needed where the weights alone are in 8 bits.
 */
import type { Encoding } from '../../../graph/encoding.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { computedAfter } from '../../../graph/ops/computed-after.ts'
import { gather } from '../../../graph/ops/layout.ts'
import { tensor } from '../../../tensor/tensor.ts'
import { rowRange } from '../../row-range.ts'
import type { TensorLocation } from '../../tensor-location.ts'
import { toFloat32 } from '../../to-float32.ts'
import type { LayerFormat } from '../layer-format.ts'
import { readScales, type Scales, scaled, scaledRows, unusable } from '../scales.ts'

const names = { f8e4m3: 'float8_e4m3fn', f8e5m2: 'float8_e5m2' } as const
type Float8 = keyof typeof names

export const fp8: LayerFormat = {
  markers: Object.values(names),
  matches: ({ weight }) => weight.dtype in names,
  async read({ weight, marker, beside }) {
    const { dtype } = weight
    if (!isFloat8(dtype)) throw unusable(weight, `${marker?.format} values`, dtype)
    if (marker !== undefined && marker.format !== names[dtype]) {
      throw unusable(weight, `${marker.format}, as its marker says`, names[dtype])
    }
    const scale = beside('weight_scale', 'scale_weight', 'weight_scale_inv')
    beside('input_scale', 'scale_input', 'activation_scale')
    const scales = scale && (await readScales(scale, weight.shape))
    return { ...weight, dtype: 'f32', encoding: encodingOf({ ...weight, dtype }, scales) }
  },
}

function isFloat8(dtype: string): dtype is Float8 {
  return dtype in names
}

function encodingOf(weight: TensorLocation & { dtype: Float8 }, scales: Scales | undefined): Encoding {
  return {
    name: scales?.block ? `${names[weight.dtype]} in blocks` : names[weight.dtype],
    elements: weight.dtype,
    decode: (graph, key, after) =>
      scaled(computedAfter(graph.weight(key, weight), after), { key, scales, after }),
    rows(graph, key, ids) {
      // Rows of 8-bit floats cannot be gathered, but those of bytes can, and there are 256 of them.
      const bytes = gather(graph.weight(key, { ...weight, dtype: 'u8' }), ids, 0)
      const values = gather(graph.constant(valuesOf(weight.dtype)), cast(bytes, 'i32'), 0)
      return scaledRows(values, ids, key, scales)
    },
    ...(!scales?.block && {
      part: (first, count) =>
        encodingOf(rowRange(weight, first, count), scales && scalesOf(scales, first, count)),
    }),
  }
}

/** Of some rows: one for each, or the one of all. */
function scalesOf({ stored }: Scales, first: number, count: number): Scales {
  return { stored: stored.shape.length === 0 ? stored : rowRange(stored, first, count) }
}

/** The value of every byte. */
function valuesOf(dtype: Float8) {
  return toFloat32(
    tensor(
      dtype,
      [256],
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
    ),
  )
}
