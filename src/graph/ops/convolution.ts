import { addDims, type Dim, divideDims, multiplyDims, shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'
import { dimAt, requireDTypeOf, requireRank, requireVector } from '../operand.ts'

export interface Conv2dOptions {
  readonly stride?: number
  /** Zeros at top, left, bottom and right. */
  readonly padding?: readonly [number, number, number, number]
}

/**
 * Two-dimensional convolution.
 * @param x [images, in, height, width]
 * @param weight [out, in, kernelHeight, kernelWidth]
 * @param bias [out]
 * @returns [images, out, height', width']
 */
export function conv2d(x: Value, weight: Value, bias: Value, options: Conv2dOptions = {}): Value {
  const { stride = 1, padding = [0, 0, 0, 0] } = options
  const [out, channels, kernelHeight, kernelWidth] = weight.shape
  if (x.shape.length !== 4 || weight.shape.length !== 4 || dimAt(x, 1) !== channels) {
    const got = `${shapeText(x.shape)} and ${shapeText(weight.shape)}`
    throw x.graph.invalid('Conv', '[n, in, h, w] and [out, in, kh, kw]', got)
  }
  requireDTypeOf('Conv', x, weight)
  requireDTypeOf('Conv', x, bias)
  requireVector('Conv', 'bias', bias, Number(out))
  const shape = [
    x.shape[0]!,
    out!,
    extent(x, 2, Number(kernelHeight), padding[0] + padding[2], stride),
    extent(x, 3, Number(kernelWidth), padding[1] + padding[3], stride),
  ] // [images, out, height', width']
  const attributes = {
    kernel_shape: { ints: [Number(kernelHeight), Number(kernelWidth)] },
    pads: { ints: padding },
    strides: { ints: [stride, stride] },
  }
  return x.graph.add({ op: 'Conv', inputs: [x, weight, bias], attributes }, x.dtype, shape)
}

/** Doubles height and width by repeating every pixel: [n, c, h, w] → [n, c, 2h, 2w]. */
export function upsampleNearest2x(x: Value): Value {
  requireRank('Resize', x, 4)
  const scales = x.graph.constant({ dtype: 'f32', shape: [4], data: Float32Array.of(1, 1, 2, 2) })
  const shape = [x.shape[0]!, x.shape[1]!, multiplyDims(dimAt(x, 2), 2), multiplyDims(dimAt(x, 3), 2)] // [n, c, 2h, 2w]
  const attributes = {
    mode: { string: 'nearest' },
    nearest_mode: { string: 'floor' },
    coordinate_transformation_mode: { string: 'asymmetric' },
  }
  return x.graph.add({ op: 'Resize', inputs: [x, undefined, scales], attributes }, x.dtype, shape)
}

/**
 * Moves channels into pixels: [n, c · size², h, w] → [n, c, h · size, w · size].
 * @param order of the channels: (c, row, column), or (row, column, c) as {@link spaceToDepth} makes them
 */
export function depthToSpace(
  x: Value,
  size: number,
  order: 'channel-first' | 'channel-last' = 'channel-first',
): Value {
  requireRank('DepthToSpace', x, 4)
  const channels = divideDims(dimAt(x, 1), size * size)
  if (channels === undefined) {
    throw x.graph.invalid('DepthToSpace', `channels that ${size * size} divides`, shapeText(x.shape))
  }
  const shape = [x.shape[0]!, channels, multiplyDims(dimAt(x, 2), size), multiplyDims(dimAt(x, 3), size)] // [n, c, h·s, w·s]
  const attributes = { blocksize: { int: size }, mode: { string: order === 'channel-first' ? 'CRD' : 'DCR' } }
  return x.graph.add({ op: 'DepthToSpace', inputs: [x], attributes }, x.dtype, shape)
}

/** Moves pixels into channels (row, column, c): [n, c, h, w] → [n, size² · c, h / size, w / size]. */
export function spaceToDepth(x: Value, size: number): Value {
  requireRank('SpaceToDepth', x, 4)
  const height = divideDims(dimAt(x, 2), size)
  const width = divideDims(dimAt(x, 3), size)
  if (height === undefined || width === undefined) {
    throw x.graph.invalid('SpaceToDepth', `a height and width that ${size} divides`, shapeText(x.shape))
  }
  const shape = [x.shape[0]!, multiplyDims(dimAt(x, 1), size * size), height, width] // [n, size²·c, h/s, w/s]
  return x.graph.add(
    { op: 'SpaceToDepth', inputs: [x], attributes: { blocksize: { int: size } } },
    x.dtype,
    shape,
  )
}

function extent(x: Value, axis: number, kernel: number, padding: number, stride: number): Dim {
  const positions = addDims(dimAt(x, axis), padding - kernel)
  if (stride === 1) return addDims(positions, 1)
  if (typeof positions === 'number') return Math.floor(positions / stride) + 1
  // A symbol stands for a size that the stride divides: (2·h + padding − kernel) / 2 floors to h + (padding − kernel) / 2.
  const steps = divideDims(addDims(positions, kernel - padding), stride)
  if (steps === undefined)
    throw x.graph.invalid('Conv', `a size that the stride ${stride} divides`, shapeText(x.shape))
  return addDims(steps, Math.floor((padding - kernel) / stride) + 1)
}
