/** What ops demand of their operands. Each check throws a GraphError that names scope, op, expected and got. */

import { type Dim, shapeText } from './dims.ts'
import type { Value } from './graph.ts'

/** @throws GraphError when a value does not have `rank` axes */
export function requireRank(op: string, value: Value, rank: number): void {
  if (value.shape.length === rank) return
  throw value.graph.invalid(op, `an operand of rank ${rank}`, shapeText(value.shape))
}

/** @throws GraphError when a value does not have the dtype of another */
export function requireDTypeOf(op: string, like: Value, value: Value): void {
  if (value.dtype === like.dtype) return
  throw like.graph.invalid(op, `operands in ${like.dtype}`, value.dtype)
}

/** @throws GraphError when a value is not one number for each of `size` */
export function requireVector(op: string, role: string, value: Value, size: number): void {
  if (value.shape.length === 1 && value.shape[0] === size) return
  throw value.graph.invalid(op, `a ${role} of [${size}]`, shapeText(value.shape))
}

/** @throws GraphError when the elements of a value are not floats */
export function requireFloat(op: string, value: Value): void {
  if (value.dtype === 'f32' || value.dtype === 'f16' || value.dtype === 'bf16') return
  throw value.graph.invalid(op, 'an operand in f32, f16 or bf16', value.dtype)
}

/**
 * An axis counted from the front; negative ones count from the end.
 * @throws GraphError when the value has no such axis
 */
export function axisOf(op: string, value: Value, axis: number): number {
  const rank = value.shape.length
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis
  throw value.graph.invalid(op, `an axis of ${shapeText(value.shape)}`, `${axis}`)
}

/** The dimension at an axis that is known to exist. */
export function dimAt(value: Value, axis: number): Dim {
  const dim = value.shape.at(axis)
  if (dim === undefined)
    throw value.graph.invalid('axis', `an axis of ${value.name} ${value.shape}`, `${axis}`)
  return dim
}
