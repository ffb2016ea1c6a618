/** The addon and small graphs for the tests of the native backend. */
import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { matmulTransposed } from '../../src/graph/ops/matmul.ts'
import { serialize } from '../../src/graph/serialize.ts'
import type { GraphModel } from '../../src/runtime/backend.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

export const compiler = process.env.CXX ?? 'g++'

const script = fileURLToPath(new URL('../../kernels/addon/build.sh', import.meta.url))
const check = spawnSync('bash', [script, '--check'], { encoding: 'utf8' })

/** Why the addon cannot be built here, or undefined. */
export const noAddon = check.status === 0 ? undefined : (check.error?.message ?? check.stderr.trim())

/** Builds the addon as `npm run build:native` does; it takes no time when it is up to date. */
export async function buildAddon(): Promise<void> {
  await promisify(execFile)('bash', [script])
}

/** A model of a graph that `build` gives its nodes and outputs. */
export function graphModel(name: string, build: (graph: Graph) => void): GraphModel {
  const graph = new Graph(name, { precision: 'f32' })
  build(graph)
  const bytes = serialize(graph, { locate: file => file.slice(1) })
  return { name, bytes, weightsFolder: '/', weightBytes: 0 }
}

const width = 512

/** `layers` products of 512 × 512 matrices, one after the other: y = x · wᵀ · wᵀ · … */
export function longRunningModel(layers: number): GraphModel {
  return graphModel('long running', graph => {
    const weight = graph.input('w', 'f32', [width, width])
    let value: Value = graph.input('x', 'f32', [width, width])
    for (let layer = 0; layer < layers; layer++) value = matmulTransposed(value, weight)
    graph.output('y', value)
  })
}

/** Each product averages over the columns of ones: the result is ones. */
export function longRunningFeeds(): Record<string, Tensor<'f32'>> {
  return { x: filled([width, width], 1), w: filled([width, width], 1 / width) }
}

function filled(shape: readonly number[], value: number): Tensor<'f32'> {
  const count = shape.reduce((product, dim) => product * dim, 1)
  return tensor('f32', shape, new Float32Array(count).fill(value))
}

export function vector(...values: readonly number[]): Tensor<'f32'> {
  return tensor('f32', [values.length], Float32Array.from(values))
}
