/** Folders in the diffusers layout whose weights are in formats of few bits. */
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { toFloat32 } from '../../../src/weights/to-float32.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { relativeError } from '../../compare.ts'
import { q8Values, writeGguf } from '../../gguf-writer.ts'
import { openKeptEngine } from '../../kept-engine.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { writeSingleFileModel } from './single-file-model.ts'
import { tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
const { folder, transformer } = await writeSingleFileModel(scratch)
const weightsFile = 'transformer/diffusion_pytorch_model.safetensors'

function copyOf(name: string): string {
  const copy = join(scratch, name)
  cpSync(folder, copy, { recursive: true })
  return copy
}

async function latentsOf(model: string): Promise<Float32Array> {
  await using engine = await openKeptEngine({ model })
  for await (const event of engine.generate({ ...tinyRequest, steps: 1, tensors: true })) {
    if (event.type === 'step-end') return event.tensors!.latents.data as Float32Array
  }
  throw new Error('expected a step')
}

const isMatrix = (key: string, { shape }: Tensor) =>
  /(?:attn|ffn)\d?\..*weight$/.test(key) && shape.length === 2

/** A copy whose transformer's matrices are what `change` makes of them. */
async function changed(
  name: string,
  change: (key: string, value: Tensor) => [string, Tensor][],
  metadata = {},
) {
  const copy = copyOf(name)
  const tensors = [...readFixtureTensors(join(folder, weightsFile))].flatMap(([key, value]) =>
    isMatrix(key, value) ? change(key, value) : [[key, value] as [string, Tensor]],
  )
  await writeSafetensors(join(copy, weightsFile), new Map(tensors), new Map(Object.entries(metadata)))
  return copy
}

/** Bytes of e4m3 that repeat, none of them NaN. */
const codes = ({ data }: Tensor) =>
  Uint8Array.from({ length: data.length }, (_, at) => ((at * 37) % 120) + (at % 2) * 128)
const scale = 1 / 4096

describe('a folder', () => {
  test('with scaled fp8 runs as its floats', async () => {
    const stored = await changed('fp8', (key, value) => [
      [key, tensor('f8e4m3', value.shape, codes(value))],
      [`${key}_scale`, tensor('f32', [], Float32Array.of(scale))],
    ])
    const floats = await changed('fp8-floats', (key, value) => {
      const decoded = toFloat32(tensor('f8e4m3', value.shape, codes(value)))
      return [
        [
          key,
          tensor(
            'f32',
            value.shape,
            decoded.data.map(each => each * scale),
          ),
        ],
      ]
    })
    expect(relativeError(await latentsOf(stored), await latentsOf(floats))).toBeLessThan(1e-6)
  })

  test('of optimum-quanto, as its config says, runs as its floats', async () => {
    const bytes = (value: Tensor) => new Int8Array(codes(value).buffer)
    const stored = await changed('quanto', (key, value) => [
      [`${key}._data`, tensor('i8', value.shape, bytes(value))],
      [`${key}._scale`, tensor('f32', [value.shape[0]!, 1], new Float32Array(value.shape[0]!).fill(scale))],
      ...['input_scale', 'output_scale'].map((name): [string, Tensor] => [
        key.replace(/weight$/, name),
        tensor('f32', [], Float32Array.of(1)),
      ]),
    ])
    const file = join(stored, 'transformer/config.json')
    const config = JSON.parse(readFileSync(file, 'utf8')) as object
    const quantization_config = { quant_method: 'quanto', weights_dtype: 'int8' }
    writeFileSync(file, JSON.stringify({ ...config, quantization_config }))
    const floats = await changed('quanto-floats', (key, value) => [
      [
        key,
        tensor(
          'f32',
          value.shape,
          Float32Array.from(bytes(value), each => each * scale),
        ),
      ],
    ])
    expect(relativeError(await latentsOf(stored), await latentsOf(floats))).toBeLessThan(1e-6)
    // A config that still names the method where the weights are plain is no obstacle.
    cpSync(file, join(floats, 'transformer/config.json'))
    expect((await openCheckpoint(floats, families)).weights.get('transformer')).toBeDefined()
  })

  test('with a header’s map of layers, and a config that names the method, runs as well', async () => {
    const layers = [...readFixtureTensors(join(folder, weightsFile))].flatMap(([key, value]) =>
      isMatrix(key, value) ? [[key.replace(/\.weight$/, ''), { format: 'float8_e4m3fn' }]] : [],
    )
    const map = JSON.stringify({ format_version: '1.0', layers: Object.fromEntries(layers) })
    const stored = await changed(
      'mapped',
      (key, value) => [
        [key, tensor('f8e4m3', value.shape, codes(value))],
        [`${key}_scale`, tensor('f32', [], Float32Array.of(scale))],
      ],
      { _quantization_metadata: map },
    )
    const file = join(stored, 'transformer/config.json')
    const config = JSON.parse(readFileSync(file, 'utf8')) as object
    writeFileSync(file, JSON.stringify({ ...config, quantization_config: { quant_method: 'fp8' } }))
    const { weights } = await openCheckpoint(stored, families)
    const encoded = [...weights.get('transformer')!.tensors.values()].filter(({ encoding }) => encoding)
    expect(encoded.length).toBe(layers.length)
  })

  test('whose transformer is a GGUF file, in the makers’ names, runs as its floats', async () => {
    const original = new Map(
      [...readFixtureTensors(transformer)].map(([key, value]) => [
        key.replace('model.diffusion_model.', ''),
        value,
      ]),
    )
    const small = (key: string, { shape }: Tensor) => /attn\..*weight$/.test(key) && shape.length === 2
    const stored = copyOf('gguf')
    rmSync(join(stored, weightsFile))
    writeGguf(join(stored, 'transformer/t2v-Q8_0.gguf'), original, { 'general.architecture': 'wan' }, small)
    const floats = await changed('gguf-floats', (key, value) => {
      const data = value.data as Float32Array
      return [[key, /attn\d?\./.test(key) ? tensor('f32', value.shape, q8Values(data)) : value]]
    })
    expect(relativeError(await latentsOf(stored), await latentsOf(floats))).toBeLessThan(1e-6)
  })

  test('with two GGUF files in place of one is refused', async () => {
    const stored = copyOf('two')
    const file = join(stored, 'transformer/a.gguf')
    rmSync(join(stored, weightsFile))
    writeGguf(file, readFixtureTensors(transformer))
    copyFileSync(file, join(stored, 'transformer/b.gguf'))
    expect((await failure(openCheckpoint(stored, families))).message).toMatch(
      /got a GGUF file \(a\.gguf\)\. One GGUF file of a transformer, text encoder or VAE is read where its folder holds no other weights\./,
    )
  })
})
