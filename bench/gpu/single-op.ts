/** Graphs of one op on random numbers. */
import type { Graph } from '../../src/graph/graph.ts'
import { serialize } from '../../src/graph/serialize.ts'
import type { Backend } from '../../src/runtime/backend.ts'
import { elementCount } from '../../src/tensor/dtype.ts'
import { createGenerator } from '../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

/** Elements after which random numbers repeat: making all of them would take longer than what is checked. */
const period = 1_000_003
const units = createGenerator(1n).randn(period)

/** Normally distributed numbers. */
export function random(shape: readonly number[], seed: number): Tensor<'f32'> {
  const data = new Float32Array(elementCount(shape))
  const first = (7919 * seed) % period
  data.set(units.subarray(first, first + data.length))
  for (let at = period - first; at < data.length; at += period) {
    data.set(units.subarray(0, data.length - at), at)
  }
  return tensor('f32', shape, data)
}

/** Opens a graph, runs it once, and closes it. */
export async function runOnce(backend: Backend, graph: Graph, feeds: Readonly<Record<string, Tensor>>) {
  const bytes = serialize(graph, { locate: file => file })
  const session = await backend.open({ name: graph.name, bytes, weightsFolder: '/', weightBytes: 0 })
  const { tensors } = await session.run(feeds)
  await session.release()
  return tensors
}

/** What the networks of a video are computed in. */
export function precisionOf({ device }: Backend) {
  return device.type === 'cpu' ? 'f32' : 'bf16'
}
