/**
 * Linear layers in 8-bit integers on a CPU: each row of x and each output's weights are rounded to 8 bits with a scale of
 * their own, multiplied with integer accumulation, and scaled back to f32 (as in LLM.int8(), Dettmers et al., 2022,
 * https://arxiv.org/abs/2208.07339, without its outliers). With VNNI an instruction multiplies 64 pairs.
 */

import { tensor } from '../tensor/tensor.ts'
import { copyGraph } from './copy-graph.ts'
import type { Graph, Value } from './graph.ts'
import { dimAt } from './operand.ts'
import { cast } from './ops/cast.ts'
import { computedAfter } from './ops/computed-after.ts'
import { absolute, add, clip, divide, maximum, multiply, round } from './ops/elementwise.ts'
import { reshape, transpose } from './ops/layout.ts'
import { quantize } from './ops/quantization.ts'
import { maximumOver } from './ops/reduction.ts'

/** Layers with fewer inputs or outputs stay in f32: the rounding takes more time than it saves. */
const leastWidth = 64

/** Largest magnitude of a rounded weight. */
const top = 127

export interface IntegerProductOptions {
  /** Whether weights stay in their files, and are then rounded at every run, each when its layer runs. */
  readonly mapped: boolean
  /** Bits of the rounded inputs: with 7, the sum of two products fits in 16 bits. @default 8 */
  readonly inputBits?: 7 | 8
}

/** The graph with integer products in the place of its linear layers. */
export function withIntegerProducts(graph: Graph, { mapped, inputBits = 8 }: IntegerProductOptions): Graph {
  const middle = 2 ** (inputBits - 1)
  return copyGraph(graph, (copy, { op, name }, [x, weight]) => {
    if (op !== 'FusedMatMul' || !x || !weight || x.dtype !== 'f32' || weight.shape.length !== 2)
      return undefined
    const [out, width] = weight.shape.map(Number) as [number, number]
    if (Math.min(out, width) < leastWidth) return undefined
    const held = mapped ? computedAfter(weight, x) : weight
    return [copy.within(name, () => integerProduct(x, held, middle))]
  })
}

/**
 * x · Wᵀ
 * @param x f32 [..., in]
 * @param weight f32 [out, in]
 * @param middle the unsigned integer that stands for 0
 * @returns f32 [..., out]
 */
function integerProduct(x: Value, weight: Value, middle: number): Value {
  const { graph } = x
  const rows = scaleOf(x, middle - 1) // [..., 1]
  const columns = reshape(scaleOf(weight, top), [Number(dimAt(weight, 0))]) // [out]
  // Unsigned times signed is what CPUs have an instruction for.
  const left = cast(add(rounded(x, rows, middle - 1), middle), 'u8')
  const right = transpose(quantize(weight, columns), [1, 0]) // [in, out]
  const zero = graph.constant(tensor('u8', [], Uint8Array.of(middle)))
  const shape = [...x.shape.slice(0, -1), dimAt(weight, 0)] // [..., out]
  const sums = graph.add({ op: 'MatMulInteger', inputs: [left, right, zero] }, 'i32', shape)
  return multiply(multiply(cast(sums, 'f32'), rows), columns)
}

/** What a step of the integers stands for, of every row. A row of zeros has a scale all the same. */
function scaleOf(x: Value, largest: number): Value {
  return maximum(multiply(maximumOver(absolute(x), [-1]), 1 / largest), 1e-30)
}

function rounded(x: Value, scale: Value, largest: number): Value {
  return clip(round(divide(x, scale)), -largest, largest)
}
