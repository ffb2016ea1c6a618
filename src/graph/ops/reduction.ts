import type { Value } from '../graph.ts'

/** The sum of all elements, a tensor without axes. */
export function sumOfAll(value: Value): Value {
  const attributes = { keepdims: { int: 0 } }
  return value.graph.add({ op: 'ReduceSum', inputs: [value], attributes }, value.dtype, [])
}
