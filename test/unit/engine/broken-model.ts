import { closeSync, cpSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensorsHeader } from '../../../src/weights/read-header.ts'
import { fixture } from '../../fixtures.ts'

type BrokenTensor = [part: string, file: string, pattern: RegExp]

/** Parts of the tiny model, the name of their file, and a tensor of each. */
export const brokenTensors: BrokenTensor[] = [
  ['text_encoder', 'model', /encoder\.block\.1\..*wo\.weight$/],
  ['transformer', 'diffusion_pytorch_model', /^blocks\.1\.ffn\.net\.2\.bias$/],
  ['vae', 'diffusion_pytorch_model', /^decoder\.conv_out\.weight$/],
]

/** A copy of the tiny model with no number as element 2 of a tensor, and what is said of it. */
export async function writeBrokenModel(folder: string, [part, name, pattern]: BrokenTensor): Promise<string> {
  cpSync(fixture('wan21-t2v/model'), folder, { recursive: true, dereference: true })
  const file = join(folder, part, `${name}.safetensors`)
  const { tensors } = await readSafetensorsHeader(file)
  const { key, offset } = [...tensors.values()].find(each => pattern.test(each.key))!
  const opened = openSync(file, 'r+')
  // A quiet NaN of f32.
  writeSync(opened, Uint8Array.of(0, 0, 0xc0, 0x7f), 0, 4, offset + 8)
  closeSync(opened)
  return `${file}: ${key}: expected finite numbers, got NaN or infinity as element 2. Download the file again, or use another one of the same model.`
}
