/** Rows of a tensor as tensors of their own, against the rows of what it stands for. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Graph } from '../../../src/graph/graph.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { readTensorFile } from '../../../src/weights/formats/read-tensor-file.ts'
import type { TensorLocation } from '../../../src/weights/tensor-location.ts'
import { splitRows, swapHalves } from '../../../src/weights/tensor-rows.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { writeGguf } from '../../gguf-writer.ts'
import { runGraph } from '../../graph-session.ts'
import { scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()
const shape = [12, 32]
const key = 'qkv.weight'
const values = Float32Array.from({ length: 384 }, (_, at) => Math.sin(at) / 2)
const codes = Uint8Array.from({ length: 384 }, (_, at) => ((at * 37) % 120) + (at % 2) * 128)
const scalesOfRows = Float32Array.from({ length: 12 }, (_, row) => 1 / (row + 3))
const scalar = (value: number) => tensor('f32', [], Float32Array.of(value))

const integers = tensor(
  'i8',
  shape,
  Int8Array.from(values, value => Math.round(value * 200)),
)
const stored: Record<string, Record<string, Tensor>> = {
  'plain floats': { [key]: tensor('f32', shape, values) },
  'fp8 with one scale': { [key]: tensor('f8e4m3', shape, codes), [`${key}_scale`]: scalar(1 / 64) },
  'fp8 with a scale of each row': {
    [key]: tensor('f8e4m3', shape, codes),
    [`${key}_scale`]: tensor('f32', [12, 1], scalesOfRows),
  },
  'fp8 in blocks': {
    [key]: tensor('f8e4m3', shape, codes),
    [`${key}_scale_inv`]: tensor('f32', [3, 2], scalesOfRows.slice(0, 6)),
  },
  int8: { [key]: integers, [`${key}_scale`]: tensor('f32', [12, 1], scalesOfRows) },
  quanto: { [`${key}._data`]: integers, [`${key}._scale`]: tensor('f32', [12, 1], scalesOfRows) },
}

async function locationOf(name: string): Promise<TensorLocation> {
  const file = join(scratch, name.replaceAll(' ', '-'))
  if (name === 'Q8_0') writeGguf(file, new Map([[key, tensor('f32', shape, values)]]), {}, () => true)
  else await writeSafetensors(file, new Map(Object.entries(stored[name]!)))
  return (await readTensorFile(file)).tensors.get(key)!
}

async function floatsOf(location: TensorLocation): Promise<number[]> {
  const graph = new Graph('decode', { precision: 'f32' })
  const x = graph.input('x', 'f32', ['n'])
  const { key: name, encoding } = location
  graph.output('y', encoding?.decode(graph, name, x) ?? cast(graph.weight(name, location), 'f32'))
  const { y } = await runGraph(graph, { x: tensor('f32', [1], new Float32Array(1)) })
  return [...(y!.data as Float32Array)]
}

describe.each([...Object.keys(stored), 'Q8_0'])('%s', name => {
  test('is taken apart in three', async () => {
    const whole = await locationOf(name)
    const expected = await floatsOf(whole)
    const parts = splitRows(whole, ['q', 'k', 'v'])
    expect([...parts.keys()]).toEqual(['q', 'k', 'v'])
    for (const [index, part] of [...parts.values()].entries()) {
      expect(part).toMatchObject({ key: 'qkv'[index], shape: [4, 32], bytes: whole.bytes / 3 })
      expect(await floatsOf(part)).toEqual(expected.slice(index * 128, (index + 1) * 128))
    }
  })

  test('has its halves swapped', async () => {
    const whole = await locationOf(name)
    const expected = await floatsOf(whole)
    const swapped = swapHalves(whole, 'swapped')
    expect(swapped).toMatchObject({ key: 'swapped', shape })
    expect(await floatsOf(swapped)).toEqual([...expected.slice(192), ...expected.slice(0, 192)])
  })
})
