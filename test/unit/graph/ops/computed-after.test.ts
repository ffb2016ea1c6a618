import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { Graph, type Value } from '../../../../src/graph/graph.ts'
import { computedAfter } from '../../../../src/graph/ops/computed-after.ts'
import { add } from '../../../../src/graph/ops/elementwise.ts'
import { matmulTransposed } from '../../../../src/graph/ops/matmul.ts'
import { tensor } from '../../../../src/tensor/tensor.ts'
import { blockTypes } from '../../../../src/weights/formats/gguf/block-types.ts'
import { blockTensor } from '../../../../src/weights/formats/gguf/gguf-tensors.ts'
import { openGraph, runGraph } from '../../../graph-session.ts'
import { scratchFolder } from '../../../scratch.ts'
import { filler } from './evaluate.ts'

const scratch = scratchFolder()
const file = path.join(scratch, 'blocks')
const [rows, width] = [32, 256]
const q4k = blockTypes.get(12)!
const bytes = (rows * width * q4k.bytes) / q4k.elements
writeFileSync(file, new Uint8Array(bytes))

test('a weight has the same elements after a value, of any rank', async () => {
  const graph = new Graph('after', { precision: 'f32' })
  const scalar = graph.input('scalar', 'f32', [])
  const matrix = graph.input('matrix', 'f32', ['n', 3])
  const weight = graph.constant(tensor('f32', [2, 3], Float32Array.from(filler(6))))
  graph.output('first', computedAfter(weight, scalar))
  graph.output('second', add(computedAfter(weight, matrix), 0))
  const feeds = {
    scalar: tensor('f32', [], Float32Array.of(7)),
    matrix: tensor('f32', [0, 3], new Float32Array()),
  }
  const { first, second } = await runGraph(graph, feeds)
  for (const { shape, data } of [first!, second!]) {
    expect(shape).toEqual([2, 3])
    expect([...(data as Float32Array)]).toEqual(filler(6))
  }
})

test('weights of one shape after one value depend on it through the same nodes', () => {
  const graph = new Graph('after', { precision: 'f32' })
  const x = graph.input('x', 'f32', ['n'])
  const weight = (name: string) => graph.weight(name, { ...stored(name), dtype: 'u8' }, [bytes])
  computedAfter(weight('a'), x)
  const before = graph.nodes.length
  computedAfter(weight('b'), x)
  expect(graph.nodes.length).toBe(before + 1)
})

test('the time to open grows with the number of quantised layers, not with its square', async () => {
  await openingSeconds(4) // what is loaded once
  const few = [await openingSeconds(20), await openingSeconds(20), await openingSeconds(20)]
  const many = [await openingSeconds(80), await openingSeconds(80)]
  // In the square of the number it is 16.
  expect(Math.min(...many) / Math.min(...few)).toBeLessThan(10)
}, 120_000)

test.each([...blockTypes.values()].map(type => [type.name, type] as const))(
  'ONNX Runtime knows all dimensions of what %s is decoded by in a graph for a GPU',
  (_, type) => {
    const graph = new Graph('layer', { precision: 'bf16' })
    const location = {
      key: 'weight',
      file,
      offset: 0,
      bytes: (256 / type.elements) * type.bytes,
      shape: [1, 256],
    }
    blockTensor(location, type).encoding!.decode(graph, 'weight', graph.input('x', 'f32', ['tokens', 256]))
    const constants = new Set(graph.initializers.map(({ name }) => name))
    const computed = graph.nodes.filter(({ op, inputs }) => op === 'Reshape' && !constants.has(inputs[1]!))
    expect(computed).toEqual([])
    // Of the value that the weight waits for, one element.
    const shapes = graph.nodes.flatMap(({ outputs }) => outputs.map(name => graph.values.get(name)!.shape))
    expect(shapes.filter(shape => shape.some(dim => typeof dim !== 'number'))).toEqual([['256*tokens']])
  },
)

/** CPU time that a network of linear layers of Q4_K takes to open. */
async function openingSeconds(layers: number): Promise<number> {
  const graph = new Graph('layers', { precision: 'f32' })
  let x: Value = graph.input('x', 'f32', ['tokens', width])
  const wide = graph.constant(tensor('f32', [width, rows], new Float32Array(width * rows)))
  for (let layer = 0; layer < layers; layer++) {
    const { encoding } = stored(`layers.${layer}.weight`)
    const weight = encoding!.decode(graph, `layers.${layer}.weight`, x)
    x = add(x, matmulTransposed(matmulTransposed(x, weight), wide))
  }
  graph.output('y', x)
  const before = process.cpuUsage()
  const open = await openGraph(graph)
  const { user, system } = process.cpuUsage(before)
  await open.release()
  return (user + system) / 1e6
}

function stored(key: string) {
  return blockTensor({ key, file, offset: 0, bytes, shape: [rows, width] }, q4k)
}
