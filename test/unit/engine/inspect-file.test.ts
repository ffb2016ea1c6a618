import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { families } from '../../../models/index.ts'
import { fileText } from '../../../src/cli/inspect.ts'
import { inspectFile } from '../../../src/engine/inspect-file.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { fixture } from '../../fixtures.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { scratchFolder } from '../../scratch.ts'
import { moved, writeSingleFileModel, writeTensors } from './single-file-model.ts'

const scratch = scratchFolder()
const { transformer, encoder, vae } = await writeSingleFileModel(scratch)

beforeEach(() => {
  vi.stubEnv('HF_HUB_CACHE', join(scratch, 'no-cache'))
  vi.stubEnv('FRAMEWRIGHT_HOME', join(scratch, 'no-home'))
})
afterEach(() => void vi.unstubAllEnvs())

test('a transformer is described with the formats of its layers, and what is missing', async () => {
  const file = moved(transformer, scratch)
  const report = await inspectFile(file, families, { vae })
  expect(report).toMatchObject({ file, container: 'safetensors', parts: [{ component: 'transformer' }] })
  const [part] = report!.parts
  expect(part).toMatchObject({ family: 'wan', class: 'WanTransformer3DModel' })
  expect(part!.missing).toEqual([expect.stringMatching(/UMT5 text encoder of width 32.*models pull/)])
  expect(part!.layers.find(({ name }) => name === 'blocks.*.attn1.to_q.weight')).toMatchObject({
    tensors: 1,
    formats: ['f32'],
  })
  expect(fileText(report!)).toMatch(/^missing +model .*UMT5/m)
})

test('nothing is missing where the other parts are at hand', async () => {
  const [part] = (await inspectFile(transformer, families))!.parts
  expect(part!.missing).toEqual([])
})

test('formats are told by layer, not by file', async () => {
  const tensors = new Map(readFixtureTensors(vae))
  const key = 'decoder.conv_in.weight'
  const { shape } = tensors.get(key)!
  const count = shape.reduce((product, dim) => product * dim, 1)
  tensors.set(key, tensor('f8e4m3', shape, new Uint8Array(count)))
  const file = join(scratch, 'vae.safetensors')
  await writeTensors(file, tensors)
  const report = await inspectFile(file, families)
  expect(report!.parts).toMatchObject([{ component: 'vae', missing: [] }])
  const layers = report!.parts[0]!.layers
  expect(layers.find(({ name }) => name === key)).toMatchObject({ formats: ['float8_e4m3fn'], bytes: count })
  expect(fileText(report!)).toMatch(/^part +vae of wan \(AutoencoderKLWan\)$/m)
})

test('layers of a format with keys of its own are told under the keys of models', async () => {
  const tensors = [...readFixtureTensors(vae)].flatMap(([key, value]): [string, Tensor][] => {
    if (key !== 'decoder.conv_in.weight') return [[key, value]]
    const [rows, ...rest] = value.shape
    const data = tensor('i8', value.shape, new Int8Array(value.data.length))
    const scale = tensor('bf16', [rows!, ...rest.map(() => 1)], new Uint16Array(rows!))
    return [
      [`${key}._data`, data],
      [`${key}._scale`, scale],
    ]
  })
  const file = join(scratch, 'quanto.safetensors')
  await writeTensors(file, new Map(tensors))
  const [part] = (await inspectFile(file, families))!.parts
  expect(part!.layers.find(({ name }) => name === 'decoder.conv_in.weight')!.formats).toEqual(['qint8'])
})

test('a text encoder is one, and tensors of no model are none', async () => {
  expect((await inspectFile(encoder, families))!.parts).toMatchObject([{ class: 'UMT5EncoderModel' }])
  expect(await inspectFile(fixture('formats-modules/blocks.gguf'), families)).toBeUndefined()
})
