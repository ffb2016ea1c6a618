import { addDims, floorDivideDims, multiplyDims, shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'
import { dimAt, requireDTypeOf, requireVector } from '../operand.ts'

export interface Conv1dOptions {
  /** @default 1 */
  readonly stride?: number
  /** Distance of the entries that neighbouring taps see. @default 1 */
  readonly dilation?: number
  /** Zeros at the start and at the end. @default none */
  readonly padding?: readonly [number, number]
}

/**
 * One-dimensional convolution.
 * @param x [signals, in, time]
 * @param weight [out, in, kernel]
 * @param bias [out]; none for undefined
 * @returns [signals, out, time']
 */
export function conv1d(
  x: Value,
  weight: Value,
  bias: Value | undefined,
  { stride = 1, dilation = 1, padding = [0, 0] }: Conv1dOptions = {},
): Value {
  const [out, channels, kernel] = weight.shape
  if (x.shape.length !== 3 || weight.shape.length !== 3 || dimAt(x, 1) !== channels) {
    const got = `${shapeText(x.shape)} and ${shapeText(weight.shape)}`
    throw x.graph.invalid('Conv', '[n, in, time] and [out, in, kernel]', got)
  }
  checkOperands('Conv', x, weight, bias, Number(out))
  const span = dilation * (Number(kernel) - 1) + 1
  const steps = floorDivideDims(addDims(dimAt(x, 2), padding[0] + padding[1] - span), stride)
  if (steps === undefined) {
    throw x.graph.invalid('Conv', `a length that the stride ${stride} divides`, shapeText(x.shape))
  }
  const shape = [x.shape[0]!, out!, addDims(steps, 1)] // [signals, out, time']
  const attributes = {
    dilations: { ints: [dilation] },
    kernel_shape: { ints: [Number(kernel)] },
    pads: { ints: padding },
    strides: { ints: [stride] },
  }
  const inputs = bias ? [x, weight, bias] : [x, weight]
  return x.graph.add({ op: 'Conv', inputs, attributes }, x.dtype, shape)
}

export interface ConvTranspose1dOptions {
  /** @default 1 */
  readonly stride?: number
  /** Entries that are cut off at the start and at the end. @default none */
  readonly crop?: readonly [number, number]
}

/**
 * One-dimensional transposed convolution: every entry adds its multiple of the kernel, `stride` after the one before.
 * @param x [signals, in, time]
 * @param weight [in, out, kernel]
 * @param bias [out]; none for undefined
 * @returns [signals, out, stride·(time − 1) + kernel − crop]
 */
export function convTranspose1d(
  x: Value,
  weight: Value,
  bias: Value | undefined,
  { stride = 1, crop = [0, 0] }: ConvTranspose1dOptions = {},
): Value {
  const [channels, out, kernel] = weight.shape
  if (x.shape.length !== 3 || weight.shape.length !== 3 || dimAt(x, 1) !== channels) {
    const got = `${shapeText(x.shape)} and ${shapeText(weight.shape)}`
    throw x.graph.invalid('ConvTranspose', '[n, in, time] and [in, out, kernel]', got)
  }
  checkOperands('ConvTranspose', x, weight, bias, Number(out))
  const length = addDims(multiplyDims(dimAt(x, 2), stride), Number(kernel) - stride - crop[0] - crop[1])
  const attributes = {
    kernel_shape: { ints: [Number(kernel)] },
    pads: { ints: crop },
    strides: { ints: [stride] },
  }
  const inputs = bias ? [x, weight, bias] : [x, weight]
  return x.graph.add({ op: 'ConvTranspose', inputs, attributes }, x.dtype, [x.shape[0]!, out!, length])
}

function checkOperands(op: string, x: Value, weight: Value, bias: Value | undefined, out: number): void {
  requireDTypeOf(op, x, weight)
  if (!bias) return
  requireDTypeOf(op, x, bias)
  requireVector(op, 'bias', bias, out)
}
