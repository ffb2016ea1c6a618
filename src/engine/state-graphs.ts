import { Graph, type Value } from '../graph/graph.ts'
import { cast } from '../graph/ops/cast.ts'
import { absolute, add, multiply, subtract } from '../graph/ops/elementwise.ts'
import { sumOfAll } from '../graph/ops/reduction.ts'
import { serialize } from '../graph/serialize.ts'
import type { GraphModel } from '../runtime/backend.ts'
import { mostTerms } from '../tensor/arithmetic.ts'

/**
 * What is done to the arrays of a run's state between the passes of its network, as graphs: inputs `0`, `1`, … f32 of one
 * shape, and `weight.0`, … f64 [1]; output `result`, f32 of that shape or f64 without axes. Sums are in float64, as on the
 * host.
 */
export const stateOps: Readonly<Record<string, StateOp>> = {
  copy: { arrays: 1, weights: 0, build: ([values]) => values! },
  mix: { arrays: 3, weights: 0, build: mixed },
  sum: { arrays: 1, weights: 0, build: ([values]) => sumOfAll(cast(values!, 'f64')) },
  size: { arrays: 1, weights: 0, build: ([values]) => sumOfAll(absolute(cast(values!, 'f64'))) },
  distance: {
    arrays: 2,
    weights: 0,
    build: ([a, b]) => sumOfAll(absolute(subtract(cast(a!, 'f64'), cast(b!, 'f64')))),
  },
  'inner-product': {
    arrays: 2,
    weights: 0,
    build: ([a, b]) => sumOfAll(multiply(cast(a!, 'f64'), cast(b!, 'f64'))),
  },
  ...Object.fromEntries(
    Array.from({ length: mostTerms }, (_, index) => [
      `combine-${index + 1}`,
      { arrays: index + 1, weights: index + 1, build: weightedSum },
    ]),
  ),
}

interface StateOp {
  readonly arrays: number
  readonly weights: number
  build(arrays: readonly Value[], weights: readonly Value[]): Value
}

function weightedSum(arrays: readonly Value[], weights: readonly Value[]): Value {
  const terms = arrays.map((array, index) => multiply(cast(array, 'f64'), weights[index]!))
  return cast(
    terms.reduce((sum, term) => add(sum, term)),
    'f32',
  )
}

/** (1 − share) · a + share · b */
function mixed(arrays: readonly Value[]): Value {
  const rest = add(multiply(arrays[2]!, -1), 1)
  const [a, b, shareOfB, shareOfA] = [...arrays, rest].map(array => cast(array, 'f64'))
  return cast(add(multiply(shareOfA!, a!), multiply(shareOfB!, b!)), 'f32')
}

/** @param rank axes of the arrays */
export function stateGraph(name: string, rank: number): Graph {
  const { arrays, weights, build } = stateOps[name]!
  const graph = new Graph(`state/${name}`, { precision: 'f32' })
  const shape = Array.from({ length: rank }, (_, axis) => `axis.${axis}`)
  const inputs = Array.from({ length: arrays }, (_, index) => graph.input(`${index}`, 'f32', shape))
  const scales = Array.from({ length: weights }, (_, index) => graph.input(`weight.${index}`, 'f64', [1]))
  graph.output('result', build(inputs, scales))
  return graph
}

export function stateModel(name: string, rank: number): GraphModel {
  const locate = () => {
    throw new TypeError(`state/${name}: expected no weights.`)
  }
  const bytes = serialize(stateGraph(name, rank), { locate })
  return { name: `state/${name}`, bytes, weightsFolder: '/', weightBytes: 0 }
}
