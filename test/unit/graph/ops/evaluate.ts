import { expect } from 'vitest'
import { evaluateDim, type Shape } from '../../../../src/graph/dims.ts'
import { Graph, type Value } from '../../../../src/graph/graph.ts'
import { elementCount, type FloatDType } from '../../../../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../../../../src/tensor/tensor.ts'
import { runGraph } from '../../../graph-session.ts'

/** An input of the graph under test: f32 unless it has integers, by default filled with numbers of no pattern. */
export interface Operand {
  readonly shape: Shape
  readonly numbers?: readonly number[]
  readonly integers?: readonly number[]
}

/** Sizes that the symbols in shapes stand for, all different, so that a mixed-up axis shows. */
export const symbols = { batch: 2, frames: 3, height: 4, width: 6, tokens: 5, keys: 7 }

/**
 * Builds a graph, runs it, and gives its results. Every result has the dtype and the shape that the builder
 * inferred: what ONNX Runtime computes is the measure.
 */
export async function evaluate(
  operands: readonly Operand[],
  build: (...values: Value[]) => Value | readonly Value[],
  precision: FloatDType = 'f32',
): Promise<Tensor[]> {
  const graph = new Graph('test', { precision })
  const values = operands.map(({ shape, integers }, index) =>
    graph.input(`input.${index}`, integers ? 'i64' : 'f32', shape),
  )
  const results = [build(...values)].flat()
  results.forEach((result, index) => {
    graph.output(`result.${index}`, result)
  })
  const feeds = operands.map((operand, index) => [`input.${index}`, feedOf(operand, index)] as const)
  const outputs = await runGraph(graph, Object.fromEntries(feeds))
  return results.map((result, index) => {
    const output = outputs[`result.${index}`]!
    expect(output.shape).toEqual(sizes(result.shape))
    expect(output.dtype).toBe(result.dtype)
    return output
  })
}

/** The first result's numbers. */
export async function numbersOf(
  operands: readonly Operand[],
  build: (...values: Value[]) => Value,
): Promise<number[]> {
  const [result] = await evaluate(operands, build)
  return Array.from(result!.data as ArrayLike<number | bigint>, Number)
}

/** The numbers that an operand without any is filled with: of both signs, none twice. */
export function filler(count: number, seed = 0): number[] {
  return Array.from({ length: count }, (_, index) =>
    Math.fround(Math.sin(index * 1.7 + seed * 0.9 + 0.3) * 2),
  )
}

/** A graph to make mistakes in: two scopes down. */
export function mistakeIn(
  operands: readonly Operand[],
  build: (...values: Value[]) => unknown,
  kernels: readonly string[] = [],
): () => unknown {
  const graph = new Graph('net', { precision: 'f32', kernels: new Set(kernels) })
  const values = operands.map(({ shape, integers }, index) =>
    graph.input(`input.${index}`, integers ? 'i64' : 'f32', shape),
  )
  return () => graph.within('blocks.3', () => graph.within('attn', () => build(...values)))
}

function feedOf({ shape, numbers, integers }: Operand, index: number): Tensor {
  const size = sizes(shape)
  if (integers) return tensor('i64', size, BigInt64Array.from(integers, BigInt))
  return tensor('f32', size, Float32Array.from(numbers ?? filler(elementCount(size), index)))
}

function sizes(shape: Shape): number[] {
  return shape.map(dim => evaluateDim(dim, symbols))
}
