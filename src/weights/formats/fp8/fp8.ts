/**
 * 8-bit floats: each element times a scale of its row, of its block or of the whole tensor, or a plain cast without one.
 * ComfyUI's `comfy/quant_ops.py` (`float8_e4m3fn`, `float8_e5m2`), which called the scale `scale_weight` before; Lightricks'
 * `ltx_core/quantization/fp8_scaled_mm.py`; blocks are those of transformers' `FP8Linear` (`weight_scale_inv`, which is a
 * factor all the same) and of musubi-tuner.
 */
import type { LayerFormat } from '../layer-format.ts'
import { float8Names, isFloat8, scaledEncoding } from '../scaled-encoding.ts'
import { readScales, unusable } from '../scales.ts'

export const fp8: LayerFormat = {
  markers: Object.values(float8Names),
  methods: ['fp8'],
  matches: ({ weight }) => isFloat8(weight.dtype),
  async read({ weight, marker, beside }) {
    const { dtype } = weight
    if (!isFloat8(dtype)) throw unusable(weight, `${marker?.format} values`, dtype)
    const name = float8Names[dtype]
    if (marker !== undefined && marker.format !== name) {
      throw unusable(weight, `${marker.format}, as its marker says`, name)
    }
    const scale = beside('weight_scale', 'scale_weight', 'weight_scale_inv')
    const scales = scale && (await readScales(scale, weight.shape))
    const encoding = scaledEncoding(scales?.block ? `${name} in blocks` : name, { ...weight, dtype }, scales)
    return { ...weight, dtype: 'f32', encoding }
  },
}
