/** A file that llama.cpp's own library wrote (`gguf-py`, see `record.py` beside it). */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Graph } from '../../../../src/graph/graph.ts'
import { cast } from '../../../../src/graph/ops/cast.ts'
import { tensor } from '../../../../src/tensor/tensor.ts'
import { readTensorFile } from '../../../../src/weights/formats/read-tensor-file.ts'
import { fixture } from '../../../fixtures.ts'
import { runGraph } from '../../../graph-session.ts'

const reference = JSON.parse(readFileSync(fixture('gguf-py/reference.json'), 'utf8')) as Record<
  string,
  { shape: number[]; sha256: string }
>
const file = await readTensorFile(fixture('gguf-py/file.gguf'))

test('its header is read with values of every kind', () => {
  expect(file).toMatchObject({ container: 'gguf' })
  expect(Object.fromEntries(file.values)).toMatchObject({
    'general.architecture': 'wan',
    'general.name': 'a small file',
    'general.file_type': 15,
    'test.names': ['a', 'bb', 'ccc'],
    'test.double': 0.1,
    'test.flag': true,
  })
  expect(Number(file.values.get('test.long'))).toBe(-(2 ** 40))
  expect([...file.tensors.keys()].sort()).toEqual(Object.keys(reference).sort())
})

test.each(Object.entries(reference))('%s is decoded as the library decodes it', async (key, expected) => {
  const weight = file.tensors.get(key)!
  expect(weight.shape).toEqual(expected.shape)
  const graph = new Graph('decode', { precision: 'f32' })
  const x = graph.input('x', 'f32', ['n'])
  graph.output('y', weight.encoding?.decode(graph, key, x) ?? cast(graph.weight(key, weight), 'f32'))
  const { y } = await runGraph(graph, { x: tensor('f32', [1], new Float32Array(1)) })
  const positive = (y!.data as Float32Array).map(value => value + 0)
  const digest = createHash('sha256').update(new Uint8Array(positive.buffer)).digest('hex')
  expect(digest).toBe(expected.sha256)
})
