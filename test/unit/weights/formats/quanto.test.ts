/** Weights of optimum-quanto, in a file that it and mmgp wrote and in damaged ones. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { foldedValues } from '../../../../src/graph/folded-values.ts'
import { Graph } from '../../../../src/graph/graph.ts'
import { elementCount } from '../../../../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../../../../src/tensor/tensor.ts'
import { readTensorFile } from '../../../../src/weights/formats/read-tensor-file.ts'
import { readSafetensorsHeader } from '../../../../src/weights/read-header.ts'
import { storedBytes, type TensorLocation } from '../../../../src/weights/tensor-location.ts'
import { writeSafetensors } from '../../../../src/weights/write-safetensors.ts'
import { fixture } from '../../../fixtures.ts'
import { runGraph } from '../../../graph-session.ts'
import { readFixtureTensors } from '../../../safetensors-fixture.ts'
import { failure, scratchFolder } from '../../../scratch.ts'

const file = fixture('quanto/layers.safetensors')
const { tensors } = await readTensorFile(file)
const weights = [...readFixtureTensors(fixture('quanto/weights.safetensors'))]

describe('a file of optimum-quanto', () => {
  test('has weights under the keys of models, with what each is stored in', () => {
    const formats = [...tensors].map(([key, { dtype, encoding }]) => [key, encoding?.name ?? dtype])
    const layers = (name: string, dense: string) => [
      [`${name}.linear.weight`, name],
      [`${name}.linear.bias`, dense],
      [`${name}.single.weight`, name],
      [`${name}.conv.weight`, name],
      [`${name}.conv.bias`, dense],
      [`${name}.norm.weight`, dense],
      [`${name}.norm.bias`, dense],
    ]
    expect(formats).toEqual([
      ...layers('qint8', 'bf16'),
      ...layers('qfloat8_e4m3fn', 'f16'),
      ...layers('qfloat8_e5m2', 'f32'),
      ['embedding.weight', 'qint8'],
    ])
  })

  test.each(weights)('%s is what optimum-quanto makes of it, to the last bit', async (key, expected) => {
    const weight = tensors.get(key)!
    expect(weight.shape).toEqual(expected.shape)
    expect(await decoded(weight)).toEqual(expected.data)
  })

  test.each(weights.filter(([, { shape }]) => shape.length === 2 && shape[0]! > 1))(
    'rows of %s are those of the whole',
    async (key, { shape, data }) => {
      const [rows, width] = shape as [number, number]
      const ids = [rows - 1, 0]
      const expected = ids.flatMap(row => [...(data as Float32Array).slice(row * width, (row + 1) * width)])
      expect([...(await decoded(tensors.get(key)!, ids))]).toEqual(expected)
    },
  )

  test('stays in its file: a byte for each weight, decoded at every run', async () => {
    const stored = await readSafetensorsHeader(file)
    for (const [key, weight] of tensors) {
      if (!weight.encoding) continue
      const graph = new Graph('decode', { precision: 'f32' })
      graph.output('y', weight.encoding.decode(graph, key, graph.input('x', 'f32', ['n'])))
      const elements = stored.tensors.get(`${key}._data`)!
      const external = graph.initializers.flatMap(each => ('external' in each ? [each.external] : []))
      expect(external[0]).toMatchObject({ file: elements.file, offset: elements.offset })
      expect(elements.bytes).toBe(elementCount(weight.shape))
      const folded = [...foldedValues(graph)].map(name =>
        elementCount(graph.values.get(name)!.shape.map(Number)),
      )
      expect(Math.max(0, ...folded)).toBeLessThanOrEqual(weight.shape[0]!)
    }
    expect(storedBytes([...tensors.values()])).toBeLessThan(stored.bytes)
  })
})

describe('a layer of optimum-quanto', () => {
  const scratch = scratchFolder()
  const data = tensor('i8', [6, 10], new Int8Array(60).fill(3))
  const scales = (shape: number[], value = 0.5) =>
    tensor('f32', shape, new Float32Array(elementCount(shape)).fill(value))
  const refused = async (layer: Record<string, Tensor>) => {
    const path = join(scratch, 'layer.safetensors')
    await writeSafetensors(path, new Map(Object.entries(layer).map(([key, value]) => [`a.${key}`, value])))
    const error = await failure(readTensorFile(path))
    expect(error.code).toBe('checkpoint/tensors')
    return error.message.slice(`${path}: a.`.length)
  }

  test.each<[string, Record<string, Tensor>, string]>([
    [
      'without scales',
      { 'weight._data': data },
      'weight._data: expected a tensor weight._scale beside it, got none.',
    ],
    [
      'with a scale that is no number',
      { 'weight._data': data, 'weight._scale': scales([6, 1], Number.NaN) },
      'weight._scale: expected finite scales, got NaN.',
    ],
    [
      'with an infinite scale',
      { 'weight._data': data, 'weight._scale': scales([6, 1], Number.NEGATIVE_INFINITY) },
      'weight._scale: expected finite scales, got -Infinity.',
    ],
    [
      'with scales of columns',
      { 'weight._data': data, 'weight._scale': scales([1, 10]) },
      'weight._scale: expected one scale for each of 6 rows, or one, got f32 [1, 10].',
    ],
    [
      'with scales of pairs of rows',
      { 'weight._data': data, 'weight._scale': scales([3, 1]) },
      'weight._scale: expected one scale for each of 6 rows, or one, got f32 [3, 1].',
    ],
    [
      'with another number of scales',
      { 'weight._data': data, 'weight._scale': scales([7, 1]) },
      'weight._scale: expected one scale for each of 6 rows, or one, got f32 [7, 1].',
    ],
    [
      'with scales that are integers',
      { 'weight._data': data, 'weight._scale': tensor('i8', [6, 1], new Int8Array(6)) },
      'weight._scale: expected scales in f32 or bf16 or f16, got i8.',
    ],
    [
      'of another width',
      { 'weight._data': tensor('u8', [6, 10], new Uint8Array(60)), 'weight._scale': scales([6, 1]) },
      'weight._data: expected 8-bit integers or floats, got u8 [6, 10].',
    ],
    [
      'that is a vector',
      { 'weight._data': tensor('i8', [60], new Int8Array(60)), 'weight._scale': scales([6, 1]) },
      'weight._data: expected a matrix, or the kernel of a convolution, got i8 [60].',
    ],
    [
      'without axes',
      { 'weight._data': tensor('i8', [], new Int8Array(1)), 'weight._scale': scales([]) },
      'weight._data: expected a matrix, or the kernel of a convolution, got i8 [].',
    ],
    [
      'that has its weight twice',
      { weight: scales([6, 10]), 'weight._data': data, 'weight._scale': scales([6, 1]) },
      'weight._data: expected no a.weight beside it, got both.',
    ],
  ])('is refused %s', async (_, layer, message) => {
    expect(await refused(layer)).toContain(message)
  })
})

async function decoded(weight: TensorLocation, ids?: readonly number[]): Promise<Float32Array> {
  const graph = new Graph('decode', { precision: 'f32' })
  const feed = graph.input('ids', 'i64', ['n'])
  const { encoding, key } = weight
  graph.output('y', ids ? encoding!.rows(graph, key, feed) : encoding!.decode(graph, key, feed))
  const { y } = await runGraph(graph, {
    ids: tensor('i64', [ids?.length ?? 1], BigInt64Array.from(ids ?? [0], BigInt)),
  })
  return y!.data as Float32Array
}
