/** Where the CUDA provider puts the nodes that decode quantised weights. */
import { expect, test } from 'vitest'
import type { Encoding } from '../../src/graph/encoding.ts'
import { Graph } from '../../src/graph/graph.ts'
import { slice } from '../../src/graph/ops/layout.ts'
import { matmulTransposed } from '../../src/graph/ops/matmul.ts'
import { weightBytesOf } from '../../src/graph/session-memory.ts'
import { readTensorFile } from '../../src/weights/formats/read-tensor-file.ts'
import { fixture } from '../fixtures.ts'
import { cudaMachine, openOnCuda } from './cuda-machine.ts'

const machine = await cudaMachine()

interface Layer {
  readonly key: string
  readonly encoding: Encoding
  readonly columns: number
}

/** The layers of a file of formats. */
async function layersOf(name: string): Promise<Layer[]> {
  const { tensors } = await readTensorFile(fixture(`formats-modules/${name}`))
  return [...tensors.values()].flatMap(({ key, encoding, shape }) =>
    encoding && shape.length === 2 ? [{ key, encoding, columns: shape[1]! }] : [],
  )
}

const blocks = await layersOf('blocks.gguf')
const layers = await layersOf('layers.safetensors')

/** A product with a layer's weight. */
function layerGraph({ key, encoding, columns }: Layer): Graph {
  const graph = new Graph('layer', { precision: 'bf16' })
  const x = graph.input('x', 'f32', ['tokens', columns])
  const weight = encoding.decode(graph, key, x)
  graph.output('y', matmulTransposed(x, slice(weight, 1, 0, columns)))
  return graph
}

test.skipIf(typeof machine === 'string').each(blocks.map(layer => [layer.encoding.name, layer] as const))(
  'blocks of %s are taken apart on the GPU',
  async (_, layer) => {
    if (typeof machine === 'string') throw new Error(machine)
    const graph = layerGraph(layer)
    graph.output('rows', layer.encoding.rows(graph, layer.key, graph.input('ids', 'i64', ['ids'])))
    const symbols = { tokens: 5, ids: 3 }
    const { failure, messages, launches, copied } = await openOnCuda(machine, graph, { symbols })
    expect(failure).toBeUndefined()
    expect(messages).not.toMatch(/Memcpy/)
    expect(launches.length).toBeGreaterThan(5)
    // The blocks, and constants: the largest is the table of 16-bit floats.
    expect(copied - weightBytesOf(graph)).toBeLessThan(4 * 65_536 + 4096)
  },
)

test
  .skipIf(typeof machine === 'string')
  .each(layers.map(layer => [layer.encoding.name, layer.key, layer] as const))(
  'weights in %s are decoded without a copy to the CPU: %s',
  async (_name, _key, layer) => {
    if (typeof machine === 'string') throw new Error(machine)
    const { messages } = await openOnCuda(machine, layerGraph(layer), {
      symbols: { tokens: 5 },
      fallback: true,
    })
    expect(messages).not.toMatch(/Memcpy(?:To|From)Host/)
  },
)
