/** Bits of bytes, as quantised weights pack numbers. ONNX Runtime has these operators on the CPU. */
import { fromFloat16Bits } from '../../tensor/float16.ts'
import { tensor } from '../../tensor/tensor.ts'
import { shapeText } from '../dims.ts'
import type { Graph, Value } from '../graph.ts'
import { dimAt, requireDTypeOf } from '../operand.ts'
import { cast } from './cast.ts'
import { gather } from './layout.ts'

/** bytes & mask, for u8 of any shape. */
export function bitAnd(bytes: Value, mask: number): Value {
  const operand = byteConstant(bytes.graph, [], [mask])
  requireDTypeOf('BitwiseAnd', operand, bytes)
  return bytes.graph.add({ op: 'BitwiseAnd', inputs: [bytes, operand] }, 'u8', bytes.shape)
}

/**
 * bytes >> count, for u8 of any shape.
 * @param counts one count, or one for each of the second axis from the end, which has to be 1: [..., 1, n] → [..., counts, n]
 */
export function shiftRight(bytes: Value, counts: number | readonly number[]): Value {
  const many = typeof counts !== 'number'
  const operand = many
    ? byteConstant(bytes.graph, [counts.length, 1], counts)
    : byteConstant(bytes.graph, [], [counts])
  requireDTypeOf('BitShift', operand, bytes)
  if (many && dimAt(bytes, -2) !== 1) {
    throw bytes.graph.invalid('BitShift', 'an axis of 1 before the last', shapeText(bytes.shape))
  }
  const shape = many ? [...bytes.shape.slice(0, -2), counts.length, dimAt(bytes, -1)] : bytes.shape
  const attributes = { direction: { string: 'RIGHT' } }
  return bytes.graph.add({ op: 'BitShift', inputs: [bytes, operand], attributes }, 'u8', shape)
}

const tables = new WeakMap<Graph, Value>()

/** The 16-bit float of two bytes, lower one first: u8 [..., 2] → f32 [...]. Looked up in a table of all. */
export function halfOf(bytes: Value): Value {
  const { graph } = bytes
  if (dimAt(bytes, -1) !== 2) throw graph.invalid('Gather', 'two bytes', shapeText(bytes.shape))
  const table =
    tables.get(graph) ??
    graph.constant(
      tensor(
        'f32',
        [65_536],
        Float32Array.from({ length: 65_536 }, (_, bits) => fromFloat16Bits(bits)),
      ),
    )
  tables.set(graph, table)
  const places = graph.constant(tensor('i32', [2], Int32Array.of(1, 256)))
  const weighted = graph.add({ op: 'Mul', inputs: [cast(bytes, 'i32'), places] }, 'i32', bytes.shape)
  const attributes = { keepdims: { int: 0 } }
  const inputs = [weighted, graph.ints([-1])]
  const bits = graph.add({ op: 'ReduceSum', inputs, attributes }, 'i32', bytes.shape.slice(0, -1))
  return gather(table, bits, 0)
}

function byteConstant(graph: Graph, shape: readonly number[], values: readonly number[]): Value {
  return graph.constant(tensor('u8', shape, Uint8Array.from(values)))
}
