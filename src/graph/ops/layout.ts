import { addDims, type Dim, divideDims, productOf, type Shape, sameShape, shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'
import { axisOf, dimAt, requireDTypeOf } from '../operand.ts'

/**
 * The same elements under another shape. A dimension may be a number, `'='` (that of the operand at the same
 * axis) or, once, `'*'` (whatever is left).
 * @param toShape the shape as i64 [rank], with 0 for `'='` and -1 for `'*'`. @default a constant
 */
export function reshape(
  x: Value,
  target: readonly (number | '=' | '*')[],
  toShape: (dims: readonly number[]) => Value = dims => x.graph.ints(dims),
): Value {
  if (target.filter(dim => dim === '*').length > 1)
    throw x.graph.invalid('Reshape', "one '*' at most", shapeText(target))
  const fixed = target.map((dim, axis) => (dim === '=' ? dimAt(x, axis) : dim === '*' ? 1 : dim))
  // Axes that stay are the same on both sides: only the others have to divide.
  const left = x.shape.filter((_, axis) => target[axis] !== '=')
  const right = fixed.filter((_, axis) => target[axis] !== '=')
  const rest = divideDims(productOf(left), productOf(right))
  if (rest === undefined || (rest !== 1 && !target.includes('*'))) {
    throw x.graph.invalid('Reshape', `as many elements as ${shapeText(x.shape)}`, shapeText(target))
  }
  const shape = fixed.map((dim, axis) => (target[axis] === '*' ? rest : dim))
  const codes = target.map(dim => (dim === '=' ? 0 : dim === '*' ? -1 : dim))
  return x.graph.add({ op: 'Reshape', inputs: [x, toShape(codes)] }, x.dtype, shape)
}

/** Joins the axes before the last two: x [..., rows, width] → [groups, rows, width]. */
export function grouped(x: Value): Value {
  if (x.shape.length === 3) return x
  if (x.shape.length < 3) return unsqueeze(x, 0)
  const at = x.shape.length - 2
  const shape = [productOf(x.shape.slice(0, at)), productOf(x.shape.slice(at))]
  const flat = x.graph.add({ op: 'Flatten', inputs: [x], attributes: { axis: { int: at } } }, x.dtype, shape) // [groups, rows·width]
  return reshape(flat, ['=', '*', Number(dimAt(x, -1))]) // [groups, rows, width]
}

/** The same elements under the shape of another value, read at run time. */
export function reshapeLike(x: Value, like: Value): Value {
  const left = productOf(x.shape)
  const right = productOf(like.shape)
  if (left !== right)
    throw x.graph.invalid('Reshape', `as many elements as ${shapeText(like.shape)}`, shapeText(x.shape))
  if (sameShape(x.shape, like.shape)) return x
  const shape = x.graph.add({ op: 'Shape', inputs: [like] }, 'i64', [like.shape.length])
  return x.graph.add({ op: 'Reshape', inputs: [x, shape] }, x.dtype, like.shape)
}

/** x repeated along its axes of size 1 to the shape of another value, read at run time. */
export function expandLike(x: Value, like: Value): Value {
  const offset = like.shape.length - x.shape.length
  const fits = offset >= 0 && x.shape.every((dim, axis) => dim === 1 || dim === like.shape[axis + offset])
  if (!fits) {
    const expected = `a shape that broadcasts to ${shapeText(like.shape)}`
    throw x.graph.invalid('Expand', expected, shapeText(x.shape))
  }
  const shape = x.graph.add({ op: 'Shape', inputs: [like] }, 'i64', [like.shape.length])
  return x.graph.add({ op: 'Expand', inputs: [x, shape] }, x.dtype, like.shape)
}

/** Axis i of the result is axis `axes[i]` of x. */
export function transpose(x: Value, axes: readonly number[]): Value {
  const sorted = [...axes].sort((a, b) => a - b)
  if (sorted.length !== x.shape.length || sorted.some((axis, index) => axis !== index)) {
    throw x.graph.invalid('Transpose', `a permutation of the axes of ${shapeText(x.shape)}`, `[${axes}]`)
  }
  const shape = axes.map(axis => x.shape[axis]!)
  return x.graph.add({ op: 'Transpose', inputs: [x], attributes: { perm: { ints: axes } } }, x.dtype, shape)
}

/** Joins values along an axis. */
export function concat(values: readonly [Value, ...Value[]], axis: number): Value {
  const first = values[0]
  const at = axisOf('Concat', first, axis)
  const others = (shape: Shape) => shape.filter((_, index) => index !== at)
  for (const value of values) {
    requireDTypeOf('Concat', first, value)
    if (!sameShape(others(value.shape), others(first.shape))) {
      const got = values.map(each => shapeText(each.shape)).join(', ')
      throw first.graph.invalid('Concat', `shapes that agree but for axis ${axis}`, got)
    }
  }
  const total = values.map(value => dimAt(value, at)).reduce(addDims)
  const shape = first.shape.map((dim, index) => (index === at ? total : dim))
  return first.graph.add(
    { op: 'Concat', inputs: values, attributes: { axis: { int: at } } },
    first.dtype,
    shape,
  )
}

/**
 * Every `step`-th element of [start, end) along an axis; start and end may count from the end when negative, and
 * an `end` of undefined means up to the end. With a step, the range must be one that the step divides, or one
 * element more.
 */
export function slice(x: Value, axis: number, start: number, end?: number, step = 1): Value {
  const at = axisOf('Slice', x, axis)
  const dim = dimAt(x, at)
  const position = (index: number): Dim => (index < 0 ? addDims(dim, index) : index)
  const length = addDims(end === undefined ? dim : position(end), negate(position(start)))
  const count = step === 1 ? length : (divideDims(length, step) ?? divideDims(addDims(length, 1), step))
  const bounds = [position(start), end === undefined ? dim : position(end)]
  const outside = typeof dim === 'number' && bounds.some(bound => Number(bound) < 0 || Number(bound) > dim)
  if (outside || count === undefined || (typeof count === 'number' && count <= 0)) {
    const got = `[${start}, ${end ?? ''}) by ${step}`
    throw x.graph.invalid('Slice', `a range inside axis ${axis} of ${shapeText(x.shape)}`, got)
  }
  const shape = x.shape.map((each, index) => (index === at ? count : each))
  const operands = [start, end ?? Number.MAX_SAFE_INTEGER, at, step].map(value => x.graph.ints([value]))
  return x.graph.add({ op: 'Slice', inputs: [x, ...operands] }, x.dtype, shape)
}

/**
 * Every three frames that follow one another, joined along the channels, oldest first.
 * @param frames [frames, channels, height, width]
 * @param step from one window to the next; 2 needs an odd number of frames
 * @returns [(frames − 3) / step + 1, 3·channels, height, width]
 */
export function frameWindows(frames: Value, step: 1 | 2 = 1): Value {
  const first = slice(frames, 0, 0, -2, step)
  return concat([first, slice(frames, 0, 1, -1, step), slice(frames, 0, 2, undefined, step)], 1)
}

/** Cuts an axis in two, after as many entries as another value has on it; their number is read at run time. */
export function cutAfter(x: Value, axis: number, first: Value): [Value, Value] {
  const at = axisOf('Slice', x, axis)
  const count = dimAt(first, axisOf('Slice', first, axis))
  const rest = addDims(dimAt(x, at), negate(count))
  if (typeof rest === 'number' && rest < 0) {
    const expected = `at least as many entries on axis ${axis} as ${shapeText(first.shape)}`
    throw x.graph.invalid('Slice', expected, shapeText(x.shape))
  }
  const attributes = { start: { int: at }, end: { int: at + 1 } }
  const place = x.graph.add({ op: 'Shape', inputs: [first], attributes }, 'i64', [1])
  const [start, end, along] = [0, Number.MAX_SAFE_INTEGER, at].map(value => x.graph.ints([value]))
  const part = (from: Value, to: Value, size: Dim) => {
    const shape = x.shape.map((each, index) => (index === at ? size : each))
    return x.graph.add({ op: 'Slice', inputs: [x, from, to, along] }, x.dtype, shape)
  }
  return [part(start!, place, count), part(place, end!, rest)]
}

/** Cuts an axis into equal parts. */
export function split(x: Value, axis: number, parts: number): Value[] {
  const at = axisOf('Split', x, axis)
  const size = divideDims(dimAt(x, at), parts)
  if (size === undefined)
    throw x.graph.invalid('Split', `axis ${axis} to divide by ${parts}`, shapeText(x.shape))
  const shape = x.shape.map((each, index) => (index === at ? size : each))
  const attributes = { axis: { int: at }, num_outputs: { int: parts } }
  return x.graph.addMany(
    { op: 'Split', inputs: [x], attributes },
    Array(parts).fill({ dtype: x.dtype, shape }),
  )
}

/** Picks entries of an axis: the axis is replaced by the axes of `indices` (int32 or int64). */
export function gather(x: Value, indices: Value, axis: number): Value {
  if (indices.dtype !== 'i64' && indices.dtype !== 'i32') {
    throw x.graph.invalid('Gather', 'indices in i64 or i32', indices.dtype)
  }
  const at = axisOf('Gather', x, axis)
  const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)]
  return x.graph.add(
    { op: 'Gather', inputs: [x, indices], attributes: { axis: { int: at } } },
    x.dtype,
    shape,
  )
}

/** Inserts an axis of size 1 before axis `axis`, or at the end when that is the rank. */
export function unsqueeze(x: Value, axis: number): Value {
  if (axis !== x.shape.length) axisOf('Unsqueeze', x, axis)
  if (axis < 0) throw x.graph.invalid('Unsqueeze', 'an axis counted from the front', `${axis}`)
  const shape = [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]
  return x.graph.add({ op: 'Unsqueeze', inputs: [x, x.graph.ints([axis])] }, x.dtype, shape)
}

/** Puts zeros before an axis. */
export function padBefore(x: Value, axis: number, count: number): Value {
  return padded(x, [axis], [count, 0])
}

/** Puts zeros before and after an axis. */
export function padAround(x: Value, axis: number, count: number): Value {
  return padded(x, [axis], [count, count])
}

/** Mirrors height and width around their edges, which are not repeated: [..., h, w] → [..., h + 2·count, w + 2·count]. */
export function reflectAround(x: Value, count: number): Value {
  return padded(x, [-2, -1], [count, count], 'reflect')
}

/** Repeats the outermost rows and columns: [..., h, w] → [..., h + 2·count, w + 2·count]. */
export function repeatAround(x: Value, count: number): Value {
  return padded(x, [-2, -1], [count, count], 'edge')
}

/** Repeats the first and the last entry of an axis. */
export function repeatEdges(x: Value, axis: number, before: number, after: number): Value {
  return padded(x, [axis], [before, after], 'edge')
}

/** Adds entries at the start and at the end of axes: zeros, or others of the axis by the mode. */
function padded(
  x: Value,
  axes: readonly number[],
  [before, after]: readonly [number, number],
  mode?: 'reflect' | 'edge',
): Value {
  const along = axes.map(axis => axisOf('Pad', x, axis))
  const perAxis = (count: number) => x.shape.map((_, index) => (along.includes(index) ? count : 0))
  const pads = x.graph.ints([...perAxis(before), ...perAxis(after)])
  const shape = x.shape.map((dim, index) => (along.includes(index) ? addDims(dim, before + after) : dim))
  const attributes = mode && { mode: { string: mode } }
  return x.graph.add({ op: 'Pad', inputs: [x, pads], ...(attributes && { attributes }) }, x.dtype, shape)
}

function negate(dim: Dim): Dim {
  return typeof dim === 'number' ? -dim : (divideDims(dim, -1) ?? 0)
}
