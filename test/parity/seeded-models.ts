/** Small models whose weights are a formula, and pictures that are one: what diffusers made of them is committed. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import { writeRandomWeights } from '../../bench/reference-model.ts'
import { configFileOf } from '../../src/weights/component-configs.ts'
import { fixture } from '../fixtures.ts'

export interface SeededModel {
  /** model_index.json */
  readonly index: Readonly<Record<string, unknown>>
  readonly components: Readonly<Record<string, object>>
}

/** The models of `test/fixtures/goldens/seeded`, by name. */
export function seededModels(): Readonly<Record<string, SeededModel>> {
  return JSON.parse(readFileSync(fixture('seeded/models.json'), 'utf8')) as Record<string, SeededModel>
}

/** Writes a model as a folder in the diffusers layout, in f32. */
export async function writeSeededModel(folder: string, { index, components }: SeededModel): Promise<void> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'model_index.json'), JSON.stringify(index))
  for (const [name, config] of Object.entries(components)) {
    mkdirSync(path.join(folder, name))
    writeFileSync(path.join(folder, name, configFileOf(name)), JSON.stringify(config))
  }
  const tokenizer = 'text_encoder_2' in components ? 'seeded/qwen-tokenizer' : 'wan21-t2v/model/tokenizer'
  cpSync(fixture(tokenizer), path.join(folder, 'tokenizer'), { recursive: true })
  if ('text_encoder_2' in components) {
    mkdirSync(path.join(folder, 'tokenizer_2'))
    writeFileSync(path.join(folder, 'tokenizer_2/tokenizer_config.json'), '{}')
  }
  await writeRandomWeights({ folder, index, components, defaults: {} }, folder)
}

/** Writes picture `number` as a PNG. `mask` makes it black and white. */
export async function writeSeededPicture(
  file: string,
  number: number,
  { width, height, mask }: { readonly width: number; readonly height: number; readonly mask?: boolean },
): Promise<void> {
  const data = new Uint8Array(width * height * 3)
  for (let index = 0; index < data.length; index++) {
    const [x, y, c] = [Math.floor(index / 3) % width, Math.floor(index / 3 / width), index % 3]
    data[index] = (x * 7 + y * 5 + c * 71 + number * 29 + Math.floor((x * y) / 9)) % 256
  }
  if (mask) {
    for (let at = 0; at < data.length; at += 3) data.fill(luma(data, at) > 127 ? 255 : 0, at, at + 3)
  }
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(file)
}

/** Grey as Pillow's `convert("L")` has it: ITU-R BT.601 in 16 bits. */
function luma(data: Uint8Array, at: number): number {
  return (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16
}
