/**
 * 8-bit floats: each element times a scale of its row or of the whole matrix, or a plain cast without one. ComfyUI's
 * `comfy/quant_ops.py` (`float8_e4m3fn`, `float8_e5m2`); before that the scale was called `scale_weight`. The scale of
 * the layer's input (`input_scale`) is for 8-bit arithmetic, and not needed where the weights alone are in 8 bits.
 */
import type { Encoding } from '../../../graph/encoding.ts'
import type { Graph, Value } from '../../../graph/graph.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { multiply } from '../../../graph/ops/elementwise.ts'
import { gather, unsqueeze } from '../../../graph/ops/layout.ts'
import { computedAfter, dequantize } from '../../../graph/ops/quantization.ts'
import { tensor } from '../../../tensor/tensor.ts'
import type { TensorLocation } from '../../tensor-location.ts'
import { toFloat32 } from '../../to-float32.ts'
import type { LayerFormat } from '../layer-format.ts'
import { rowScales, unusable } from '../scales.ts'

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
    const scale = beside('weight_scale', 'scale_weight')
    beside('input_scale', 'scale_input')
    const scales = scale && (await rowScales(scale, weight.shape[0] ?? 1))
    return { ...weight, dtype: 'f32', encoding: encodingOf({ ...weight, dtype }, scales) }
  },
}

function isFloat8(dtype: string): dtype is Float8 {
  return dtype in names
}

function encodingOf(weight: TensorLocation & { dtype: Float8 }, scale: TensorLocation | undefined): Encoding {
  const scales = (graph: Graph, key: string) => {
    return scale ? graph.weight(`${key}.scale`, scale) : graph.constant(tensor('f32', [], Float32Array.of(1)))
  }
  return {
    name: names[weight.dtype],
    decode: (graph, key, after) =>
      dequantize(computedAfter(graph.weight(key, weight), after), scales(graph, key)),
    rows(graph, key, ids) {
      // Rows of 8-bit floats cannot be gathered, but those of bytes can, and there are 256 of them.
      const bytes = gather(graph.weight(key, { ...weight, dtype: 'u8' }), ids, 0)
      const values = gather(graph.constant(valuesOf(weight.dtype)), cast(bytes, 'i32'), 0)
      return multiply(values, rowScale(scales(graph, key), ids))
    },
  }
}

function rowScale(scale: Value, ids: Value): Value {
  return scale.shape.length === 0 ? scale : unsqueeze(gather(scale, ids, 0), ids.shape.length)
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
