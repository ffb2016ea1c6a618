/** Weights with elements that are no numbers: an error that names the tensor, in the place of a black video. */
import { closeSync, cpSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSafetensorsHeader } from '../../../src/weights/read-header.ts'
import { fixture } from '../../fixtures.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { collect, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()

test.each([
  ['text_encoder', 'model', /encoder\.block\.1\..*wo\.weight$/],
  ['transformer', 'diffusion_pytorch_model', /^blocks\.1\.ffn\.net\.2\.bias$/],
  ['vae', 'diffusion_pytorch_model', /^decoder\.conv_out\.weight$/],
])('no number in the weights of the %s is an error that names the tensor', async (part, name, pattern) => {
  const folder = join(scratch, part)
  cpSync(fixture('wan21-t2v/model'), folder, { recursive: true, dereference: true })
  const file = join(folder, part, `${name}.safetensors`)
  const { tensors } = await readSafetensorsHeader(file)
  const { key, offset } = [...tensors.values()].find(each => pattern.test(each.key))!
  const opened = openSync(file, 'r+')
  // A quiet NaN of f32.
  writeSync(opened, Uint8Array.of(0, 0, 0xc0, 0x7f), 0, 4, offset + 8)
  closeSync(opened)
  await using tiny = await openTinyEngine({ model: folder })
  const error = await failure(collect(tiny.engine.generate({ ...tinyRequest, steps: 1 })))
  expect(error).toMatchObject({ code: 'checkpoint/tensors', name: 'CheckpointError' })
  expect(error.message).toBe(
    `${file}: ${key}: expected finite numbers, got NaN or infinity as element 2. Download the file again, or use another one of the same model.`,
  )
})
