import { divideDims, shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'
import { axisOf, dimAt, requireRank } from '../operand.ts'

/** The mean of every size×size window: [n, c, h, w] → [n, c, h / size, w / size]. */
export function averagePool(x: Value, size: number): Value {
  requireRank('AveragePool', x, 4)
  const height = divideDims(dimAt(x, 2), size)
  const width = divideDims(dimAt(x, 3), size)
  if (height === undefined || width === undefined) {
    throw x.graph.invalid('AveragePool', `a height and width that ${size} divides`, shapeText(x.shape))
  }
  const attributes = { kernel_shape: { ints: [size, size] }, strides: { ints: [size, size] } }
  return x.graph.add({ op: 'AveragePool', inputs: [x], attributes }, x.dtype, [
    x.shape[0]!,
    x.shape[1]!,
    height,
    width,
  ])
}

/** The mean along an axis, which goes away. */
export function meanOver(x: Value, axis: number): Value {
  const at = axisOf('ReduceMean', x, axis)
  const shape = x.shape.filter((_, index) => index !== at)
  const attributes = { keepdims: { int: 0 } }
  return x.graph.add({ op: 'ReduceMean', inputs: [x, x.graph.ints([axis])], attributes }, x.dtype, shape)
}
