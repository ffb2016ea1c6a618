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
import { collect, finalLatents, framesOf, tinyRequest } from './tiny-engine.ts'

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
  return await finalLatents(engine.generate({ ...tinyRequest, steps: 1, tensors: true }))
}

/** What a model makes in one step, to the last frame. */
async function madeBy(model: string): Promise<{ readonly latents: Float32Array; readonly frames: Buffer }> {
  await using engine = await openKeptEngine({ model })
  const events = await collect(engine.generate({ ...tinyRequest, steps: 1, tensors: true }))
  const [latents] = events.flatMap(event => (event.type === 'step-end' ? [event.tensors!.latents.data] : []))
  return { latents: latents as Float32Array, frames: framesOf(events) }
}

test('a model of single files runs the same where it was exported', async () => {
  const output = join(scratch, 'onnx-plain')
  const report = await exportModel({ model: transformer, output })
  expect(report).toMatchObject({ weightFiles: 3, path: output })
  const [own, expected] = [await madeBy(output), await madeBy(transformer)]
  expect(own.latents).toEqual(expected.latents)
  expect(own.frames.equals(expected.frames)).toBe(true)
})

test('quantised layers run the same where they were exported', async () => {
  const model = await quantised()
  const output = join(scratch, 'onnx-quantised')
  expect(await exportModel({ model, output })).toMatchObject({ weightFiles: 3, path: output })
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
  const { latents } = await madeBy(output)
  const error = relativeError(latents, await latentsOf(model))
  expect(error).toBeLessThan(1e-5)
  expect(error).toBeGreaterThan(0)
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
