import type { Value } from '../graph.ts'
import { axisOf } from '../operand.ts'

/** The sum of all elements, a tensor without axes. */
export function sumOfAll(value: Value): Value {
  const attributes = { keepdims: { int: 0 } }
  return value.graph.add({ op: 'ReduceSum', inputs: [value], attributes }, value.dtype, [])
}

/** Sums along axes, which become 1. */
export function sumOver(x: Value, axes: readonly number[]): Value {
  return reduced('ReduceSum', x, axes)
}

/** The largest elements along axes, which become 1. */
export function maximumOver(x: Value, axes: readonly number[]): Value {
  return reduced('ReduceMax', x, axes)
}

function reduced(op: string, x: Value, axes: readonly number[]): Value {
  const along = axes.map(axis => axisOf(op, x, axis))
  const shape = x.shape.map((dim, axis) => (along.includes(axis) ? 1 : dim))
  return x.graph.add({ op, inputs: [x, x.graph.ints(along)] }, x.dtype, shape)
}
