import { float32Data, hollow, isHollow, type Tensor, tensor } from './tensor.ts'

/** Joins f32 tensors along an axis; their other dimensions are the same. Hollow tensors give a hollow one. */
export function concatenate(parts: readonly Tensor[], axis: number): Tensor<'f32'> {
  const first = parts[0]
  if (first === undefined) throw new RangeError('concatenate: expected at least one tensor, got none.')
  const length = parts.reduce((sum, part) => sum + part.shape[axis]!, 0)
  const shape = first.shape.map((dim, index) => (index === axis ? length : dim))
  if (parts.every(isHollow)) return hollow('f32', shape) as Tensor<'f32'>
  const { outer, inner } = around(shape, axis)
  const joined = new Float32Array(outer * length * inner)
  let before = 0
  for (const part of parts) {
    const size = part.shape[axis]! * inner
    const data = float32Data(part)
    for (let row = 0; row < outer; row++) {
      copyRow(data, row * size, size, joined, row * length * inner + before)
    }
    before += size
  }
  return tensor('f32', shape, joined)
}

/** The entries [start, end) of an axis of an f32 tensor; those of a hollow one are hollow. */
export function sliceAxis(source: Tensor, axis: number, start: number, end: number): Tensor<'f32'> {
  const shape = source.shape.map((dim, index) => (index === axis ? end - start : dim))
  const data = float32Data(source)
  if (isHollow(source)) return hollow('f32', shape) as Tensor<'f32'>
  const { outer, inner } = around(shape, axis)
  const size = (end - start) * inner
  const cut = new Float32Array(outer * size)
  for (let row = 0; row < outer; row++) {
    copyRow(data, (row * source.shape[axis]! + start) * inner, size, cut, row * size)
  }
  return tensor('f32', shape, cut)
}

/** A view for a few elements takes longer than copying them one by one. */
function copyRow(source: Float32Array, from: number, size: number, target: Float32Array, to: number): void {
  if (size > 32) target.set(source.subarray(from, from + size), to)
  else for (let index = 0; index < size; index++) target[to + index] = source[from + index]!
}

function around(shape: readonly number[], axis: number): { outer: number; inner: number } {
  const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1)
  return { outer: product(shape.slice(0, axis)), inner: product(shape.slice(axis + 1)) }
}
