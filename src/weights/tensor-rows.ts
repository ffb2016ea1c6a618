/** Rows of a tensor as tensors of their own, where files join what graphs take apart. */
import { cast } from '../graph/ops/cast.ts'
import { concat, slice } from '../graph/ops/layout.ts'
import { wholeEncoding } from './formats/whole-encoding.ts'
import { rowRange } from './row-range.ts'
import type { TensorLocation } from './tensor-location.ts'

/**
 * Equal parts of a tensor's rows under names of their own: those of a plain array, and of formats that take rows apart, stay
 * in place; others are cut when they are decoded.
 */
export function splitRows(tensor: TensorLocation, keys: readonly string[]): Map<string, TensorLocation> {
  const [all = 0, ...rest] = tensor.shape
  const rows = all / keys.length
  const bytes = tensor.bytes / keys.length
  const { encoding } = tensor
  return new Map(
    keys.map((key, index) => {
      const part = { ...tensor, key, shape: [rows, ...rest], bytes }
      if (!encoding) return [key, { ...rowRange(tensor, index * rows, rows), key }]
      if (encoding.part) return [key, { ...part, encoding: encoding.part(index * rows, rows) }]
      const decode: typeof encoding.decode = (graph, name, after) =>
        slice(encoding.decode(graph, name, after), 0, index * rows, (index + 1) * rows)
      return [
        key,
        { ...part, encoding: wholeEncoding({ ...verified(encoding), name: encoding.name, decode }) },
      ]
    }),
  )
}

/** A tensor with the halves of its rows in the other order, in f32: they are put together by the graph. */
export function swapHalves(tensor: TensorLocation, key: string): TensorLocation {
  const rows = tensor.shape[0] ?? 0
  const { encoding } = tensor
  return {
    ...tensor,
    key,
    dtype: 'f32',
    encoding: wholeEncoding({
      ...verified(encoding),
      name: encoding?.name ?? tensor.dtype,
      decode(graph, name, after) {
        const whole = encoding?.decode(graph, name, after) ?? cast(graph.weight(name, tensor), 'f32')
        return concat([slice(whole, 0, rows / 2, rows), slice(whole, 0, 0, rows / 2)], 0)
      },
    }),
  }
}

/** How the scales of the whole tensor are looked at. */
function verified(
  encoding: TensorLocation['encoding'],
): Pick<NonNullable<TensorLocation['encoding']>, 'verify'> {
  return encoding?.verify ? { verify: encoding.verify } : {}
}
