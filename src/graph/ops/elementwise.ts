import { type Shape, sameShape, shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'
import { requireFloat } from '../operand.ts'
import { scalarLike } from './constant.ts'

export function add(a: Value, b: Value | number): Value {
  return binary('Add', a, b)
}

export function subtract(a: Value, b: Value | number): Value {
  return binary('Sub', a, b)
}

export function multiply(a: Value, b: Value | number): Value {
  return binary('Mul', a, b)
}

export function divide(a: Value, b: Value | number): Value {
  return binary('Div', a, b)
}

/** The larger of the two, element by element. */
export function maximum(a: Value, b: Value | number): Value {
  return binary('Max', a, b)
}

export function cos(value: Value): Value {
  return unary('Cos', value)
}

export function sin(value: Value): Value {
  return unary('Sin', value)
}

export function squareRoot(value: Value): Value {
  return unary('Sqrt', value)
}

/** e to the power of every element. */
export function exponential(value: Value): Value {
  return unary('Exp', value)
}

/** The natural logarithm of every element. */
export function logarithm(value: Value): Value {
  return unary('Log', value)
}

/** Rounds to the nearest whole number, halves to even. */
export function round(value: Value): Value {
  return unary('Round', value)
}

/** Rounds down to a whole number. */
export function floor(value: Value): Value {
  return unary('Floor', value)
}

/** Without the sign, in any type of numbers. */
export function absolute(value: Value): Value {
  return value.graph.add({ op: 'Abs', inputs: [value] }, value.dtype, value.shape)
}

/** Limits every element to [low, high]. */
export function clip(value: Value, low: number, high: number): Value {
  const inputs = [value, scalarLike(value, low), scalarLike(value, high)]
  return value.graph.add({ op: 'Clip', inputs }, value.dtype, value.shape)
}

function unary(op: string, value: Value): Value {
  requireFloat(op, value)
  return value.graph.add({ op, inputs: [value] }, value.dtype, value.shape)
}

function binary(op: string, a: Value, right: Value | number): Value {
  const b = typeof right === 'number' ? scalarLike(a, right) : right
  if (a.dtype !== b.dtype) throw a.graph.invalid(op, `two operands of one dtype`, `${a.dtype} and ${b.dtype}`)
  return a.graph.add({ op, inputs: [a, b] }, a.dtype, broadcast(op, a, b))
}

/** The shape that two shapes broadcast to (numpy's rules, as ONNX). */
function broadcast(op: string, a: Value, b: Value): Shape {
  if (b.shape.length === 0 || sameShape(a.shape, b.shape)) return a.shape
  const rank = Math.max(a.shape.length, b.shape.length)
  return Array.from({ length: rank }, (_, axis) => {
    const left = a.shape[axis - rank + a.shape.length] ?? 1
    const right = b.shape[axis - rank + b.shape.length] ?? 1
    if (left === right || right === 1) return left
    if (left === 1) return right
    throw a.graph.invalid(op, 'shapes that broadcast', `${shapeText(a.shape)} and ${shapeText(b.shape)}`)
  })
}
