/** Layers whose tensors are in several files of one component. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readPartFile } from '../../../../src/engine/part-file.ts'
import { type Tensor, tensor } from '../../../../src/tensor/tensor.ts'
import { openWeights } from '../../../../src/weights/checkpoint.ts'
import type { TensorLocation } from '../../../../src/weights/tensor-location.ts'
import { writeSafetensors } from '../../../../src/weights/write-safetensors.ts'
import { scratchFolder } from '../../../scratch.ts'

const scratch = scratchFolder()
const names = [1, 2].map(number => `model-0000${number}-of-00002.safetensors`)
const weight = tensor('f8e4m3', [2, 4], new Uint8Array(8).fill(0x38))
const scale = tensor('f32', [2, 1], Float32Array.of(2, 4))
const markers = (layer: string) =>
  new Map([['_quantization_metadata', JSON.stringify({ layers: { [layer]: 'float8_e4m3fn' } })]])

/** A folder of two shards, the first of which ends between a layer's weight and its scale. */
async function shards(folder: string): Promise<string> {
  const parts: Record<string, Tensor>[] = [
    { 'a.weight': weight, 'a.weight_scale': scale, 'b.weight': weight },
    { 'b.weight_scale': scale },
  ]
  mkdirSync(folder)
  for (const [index, part] of parts.entries()) {
    const layer = index === 0 ? 'a' : 'b'
    await writeSafetensors(join(folder, names[index]!), new Map(Object.entries(part)), markers(layer))
  }
  const places = parts.flatMap((part, index) => Object.keys(part).map(key => [key, names[index]]))
  const map = JSON.stringify({ weight_map: Object.fromEntries(places) })
  writeFileSync(join(folder, 'model.safetensors.index.json'), map)
  return folder
}

const folder = await shards(join(scratch, 'shards'))

describe.each<[string, () => Promise<{ tensors: ReadonlyMap<string, TensorLocation> }>]>([
  ['of a component’s folder', () => openWeights(folder)],
  ['of a folder that is given as a part', () => readPartFile(folder)],
])('shards %s', (_, read) => {
  test('may have a weight in one and its scales in another', async () => {
    const { tensors } = await read()
    expect([...tensors].map(([key, { encoding }]) => [key, encoding?.name])).toEqual([
      ['a.weight', 'float8_e4m3fn'],
      ['b.weight', 'float8_e4m3fn'],
    ])
    expect(tensors.get('b.weight')!.file).toMatch(/model-00001-of-00002\.safetensors$/)
  })
})
