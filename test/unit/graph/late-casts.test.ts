import path from 'node:path'
import { expect, test } from 'vitest'
import { Graph } from '../../../src/graph/graph.ts'
import { withLateCasts } from '../../../src/graph/late-casts.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { add } from '../../../src/graph/ops/elementwise.ts'
import { matmulTransposed } from '../../../src/graph/ops/matmul.ts'
import { toBfloat16Bits } from '../../../src/tensor/float16.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { unitValues } from '../../../src/weights/random-weights.ts'
import { readSafetensorsHeader } from '../../../src/weights/read-header.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { runGraph } from '../../graph-session.ts'
import { scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()

test('casts of the weights of linear layers depend on their inputs, and give the same', async () => {
  const file = path.join(scratch, 'weights.safetensors')
  const units = unitValues()
  const stored = (shape: number[], start: number) => {
    const count = shape.reduce((a, b) => a * b, 1)
    return tensor('bf16', shape, Uint16Array.from(units.slice(start, start + count), toBfloat16Bits))
  }
  await writeSafetensors(
    file,
    new Map([
      ['w', stored([8, 4], 0)],
      ['b', stored([8], 50)],
    ]),
  )
  const { tensors } = await readSafetensorsHeader(file)
  const graph = new Graph('linear', { precision: 'f32' })
  const x = graph.input('x', 'f32', ['tokens', 4])
  const product = matmulTransposed(x, cast(graph.weight('w', tensors.get('w')!), 'f32'))
  graph.output('y', add(product, cast(graph.weight('b', tensors.get('b')!), 'f32')))
  const late = withLateCasts(graph)
  const isConstant = (name: string): boolean => {
    if (late.inputs.some(input => input.name === name)) return false
    const node = late.nodes.find(({ outputs }) => outputs.includes(name))
    return node === undefined || node.inputs.every(isConstant)
  }
  const casts = late.nodes.filter(({ op, attributes }) => op === 'Cast' && 'to' in attributes)
  expect(casts.map(({ outputs }) => isConstant(outputs[0]!))).toEqual([false, true])
  const feeds = { x: tensor('f32', [3, 4], units.slice(100, 112)) }
  const [before, after] = [await runGraph(graph, feeds), await runGraph(late, feeds)]
  expect([...(after.y!.data as Float32Array)]).toEqual([...(before.y!.data as Float32Array)])
})
