import type { Encoding } from '../../graph/encoding.ts'
import type { Graph, Value } from '../../graph/graph.ts'
import { cast } from '../../graph/ops/cast.ts'
import { computedAfter } from '../../graph/ops/computed-after.ts'
import { gather } from '../../graph/ops/layout.ts'
import { tensor } from '../../tensor/tensor.ts'
import { rowRange } from '../row-range.ts'
import type { TensorLocation } from '../tensor-location.ts'
import { toFloat32 } from '../to-float32.ts'
import { elementScales, type Scales, scaled, scaledRows } from './scales.ts'

/** Names of 8-bit floats, as PyTorch has them. */
export const float8Names = { f8e4m3: 'float8_e4m3fn', f8e5m2: 'float8_e5m2' } as const

type Float8 = keyof typeof float8Names

/** A tensor of elements of 8 bits. */
export type ByteElements = TensorLocation & { readonly dtype: 'i8' | Float8 }

export function isFloat8(dtype: string): dtype is Float8 {
  return dtype in float8Names
}

/** 8-bit integers or floats times their scales, or plain casts of them where there are none. */
export function scaledEncoding(name: string, weight: ByteElements, scales: Scales | undefined): Encoding {
  const { dtype } = weight
  return {
    name,
    ...(isFloat8(dtype) && { elements: dtype }),
    decode: (graph, key, after) =>
      scaled(computedAfter(graph.weight(key, weight), after), { key, scales, after }),
    rows: (graph, key, ids) => scaledRows(rowsOf(graph, key, weight, ids), ids, key, scales),
    ...(!scales?.block && {
      ...(dtype === 'f8e4m3' && {
        float8: (graph, key) => ({
          elements: graph.weight(key, weight),
          scales: elementScales(graph, key, scales),
        }),
      }),
      part: (first, count) => {
        const rows = { ...rowRange(weight, first, count), dtype }
        return scaledEncoding(name, rows, scales && scalesOf(scales, first, count))
      },
    }),
  }
}

/** Rows of the elements in f32. */
function rowsOf(graph: Graph, key: string, weight: ByteElements, ids: Value): Value {
  const { dtype } = weight
  if (!isFloat8(dtype)) return cast(gather(graph.weight(key, weight), ids, 0), 'f32')
  // Rows of 8-bit floats cannot be gathered, but those of bytes can, and there are 256 of them.
  const bytes = gather(graph.weight(key, { ...weight, dtype: 'u8' }), ids, 0)
  return gather(graph.constant(valuesOf(dtype)), cast(bytes, 'i32'), 0)
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
