/**
 * Bits of bytes, as quantised weights pack numbers. ONNX Runtime has operators of bits on a CPU alone. In graphs for a GPU
 * bytes become whole numbers in f16, which has all up to 2048, and bits are what division by a power of two leaves.
 */
import { fromFloat16Bits, toFloat16Bits } from '../../tensor/float16.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { shapeText } from '../dims.ts'
import type { Graph, Value } from '../graph.ts'
import { dimAt, requireDTypeOf } from '../operand.ts'
import { cast } from './cast.ts'
import { staysOnDevice } from './computed-after.ts'
import { scalarLike } from './constant.ts'
import { add, floor, multiply } from './elementwise.ts'
import { gather, slice } from './layout.ts'

/**
 * bytes & mask.
 * @param bytes u8 of any shape, or whole numbers as this file gives them
 * @param mask 2ⁿ − 1
 */
export function bitAnd(bytes: Value, mask: number): Value {
  if (staysOnDevice(bytes.graph)) {
    const numbers = cast(bytes, 'f16')
    const inputs = [numbers, scalarLike(numbers, mask + 1)]
    return bytes.graph.add({ op: 'Mod', inputs, attributes: { fmod: { int: 1 } } }, 'f16', bytes.shape)
  }
  const operand = byteConstant(bytes.graph, [], [mask])
  requireDTypeOf('BitwiseAnd', operand, bytes)
  return bytes.graph.add({ op: 'BitwiseAnd', inputs: [bytes, operand] }, 'u8', bytes.shape)
}

/**
 * bytes >> count.
 * @param bytes u8 of any shape, or whole numbers as this file gives them
 * @param counts one count, or one for each of the second axis from the end, which has to be 1: [..., 1, n] → [..., counts, n]
 */
export function shiftRight(bytes: Value, counts: number | readonly number[]): Value {
  const { graph } = bytes
  if (typeof counts !== 'number' && dimAt(bytes, -2) !== 1) {
    throw graph.invalid('BitShift', 'an axis of 1 before the last', shapeText(bytes.shape))
  }
  const [shape, each] = typeof counts === 'number' ? [[], [counts]] : [[counts.length, 1], counts]
  if (staysOnDevice(graph)) {
    const factors = tensor(
      'f16',
      shape,
      Uint16Array.from(each, count => toFloat16Bits(2 ** -count)),
    )
    return floor(multiply(cast(bytes, 'f16'), graph.constant(factors)))
  }
  const operand = byteConstant(graph, shape, each)
  requireDTypeOf('BitShift', operand, bytes)
  const shifted =
    shape.length === 0 ? bytes.shape : [...bytes.shape.slice(0, -2), shape[0]!, dimAt(bytes, -1)]
  const attributes = { direction: { string: 'RIGHT' } }
  return graph.add({ op: 'BitShift', inputs: [bytes, operand], attributes }, 'u8', shifted)
}

const tables = new WeakMap<Graph, Value>()

/** Of every 16-bit float: the graphs of a model have them in common. */
let halves: Tensor<'f32'> | undefined

function tableOfHalves(): Tensor<'f32'> {
  halves ??= tensor('f32', [65_536], Float32Array.from(new Array(65_536).keys(), fromFloat16Bits))
  return halves
}

/** The 16-bit float of two bytes, lower one first: u8 [..., 2] → f32 [..., 1]. Looked up in a table of all. */
export function halfOf(bytes: Value): Value {
  const { graph } = bytes
  if (dimAt(bytes, -1) !== 2) throw graph.invalid('Gather', 'two bytes', shapeText(bytes.shape))
  const table = tables.get(graph) ?? graph.constant(tableOfHalves())
  tables.set(graph, table)
  const whole = cast(bytes, 'i32')
  const high = multiply(slice(whole, -1, 1, 2), graph.constant(tensor('i32', [], Int32Array.of(256))))
  return gather(table, add(slice(whole, -1, 0, 1), high), 0)
}

function byteConstant(graph: Graph, shape: readonly number[], values: readonly number[]): Value {
  return graph.constant(tensor('u8', shape, Uint8Array.from(values)))
}
