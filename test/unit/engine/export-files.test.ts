import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import proto from 'onnx-proto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { exportModel } from '../../../src/index.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { relativeError } from '../../compare.ts'
import { fixture } from '../../fixtures.ts'
import { openKeptEngine } from '../../kept-engine.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { scratchFolder } from '../../scratch.ts'
import { writeSingleFileModel, writeTensors } from './single-file-model.ts'
import { tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
const { comfy, transformer } = await writeSingleFileModel(scratch)

beforeEach(() => {
  vi.stubEnv('HF_HUB_CACHE', join(scratch, 'no-cache'))
  vi.stubEnv('FRAMEWRIGHT_HOME', join(scratch, 'no-home'))
})
afterEach(() => void vi.unstubAllEnvs())

/** The transformer with its matrices as 8-bit integers and scales. */
async function quantised(): Promise<string> {
  const file = join(comfy, 'diffusion_models/int8.safetensors')
  const tensors = [...readFixtureTensors(transformer)].flatMap(([key, value]): [string, Tensor][] => {
    if (value.shape.length !== 2 || !/attn|ffn/.test(key)) return [[key, value]]
    const whole = Int8Array.from(value.data as Float32Array, each => Math.round(each * 100))
    return [
      [key, tensor('i8', value.shape, whole)],
      [key.replace(/weight$/, 'weight_scale'), tensor('f32', [], Float32Array.of(0.01))],
    ]
  })
  await writeTensors(file, new Map(tensors))
  return file
}

async function latentsOf(model: string): Promise<Float32Array> {
  await using engine = await openKeptEngine({ model })
  let latents: Float32Array | undefined
  for await (const event of engine.generate({ ...tinyRequest, steps: 1, tensors: true })) {
    if (event.type === 'step-end') latents = event.tensors!.latents.data as Float32Array
  }
  return latents!
}

test.each([
  ['plain', async () => transformer],
  ['quantised', quantised],
])('a model of single files, %s, runs the same where it was exported', async (name, file) => {
  const model = await file()
  const output = join(scratch, `onnx-${name}`)
  const report = await exportModel({ model, output })
  expect(report).toMatchObject({ weightFiles: 3, path: output })
  expect(await latentsOf(output)).toEqual(await latentsOf(model))
})

test('an export that is cancelled while it writes its last files leaves nothing', async () => {
  const output = join(scratch, 'onnx-cancelled')
  let looks = 0
  const { signal } = new AbortController()
  // Aborted after the last component: the text encoder, the transformer and the VAE were looked at before.
  Object.defineProperty(signal, 'aborted', { get: () => ++looks > 3 })
  await expect(exportModel({ model: fixture('wan21-t2v/model'), output, signal })).rejects.toMatchObject({
    code: 'cancelled',
  })
  expect(looks).toBe(4)
  expect(readdirSync(scratch).filter(name => name.includes('onnx-cancelled'))).toEqual([])
})

test('operators of the ONNX standard alone give what those of ONNX Runtime give', async () => {
  const model = fixture('wan21-t2v/model')
  const output = join(scratch, 'onnx-standard')
  await exportModel({ model, output, dialect: 'standard' })
  const [own, expected] = [await latentsOf(output), await latentsOf(model)]
  expect(relativeError(own, expected)).toBeLessThan(1e-5)
  expect(relativeError(own, expected)).toBeGreaterThan(0)
})

test('shapes are fixed to those of one clip, which the folder then makes the same', async () => {
  const model = fixture('wan21-t2v/model')
  const output = join(scratch, 'onnx-static')
  const { width, height, frames } = tinyRequest
  await exportModel({ model, output, dialect: 'standard', clip: { size: `${width}x${height}`, frames } })
  const decoded = proto.onnx.ModelProto.decode(await readFile(join(output, 'transformer.onnx')))
  const shapes = decoded.graph!.input!.map(({ name, type }) => [
    name!,
    type!.tensorType!.shape!.dim!.map(({ dimParam, dimValue }) => dimParam || Number(dimValue)),
  ])
  expect(Object.fromEntries(shapes)).toMatchObject({ latents: [1, 16, 2, 1, 1, 2, 1, 2] })
  expect(shapes.flatMap(([, shape]) => shape).filter(dim => typeof dim === 'string')).toEqual([])
  // The prompt has as many rows as the model reads: others do not fit.
  await expect(latentsOf(output)).rejects.toThrow(/text/)
})
