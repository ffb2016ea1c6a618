/** One whole model in every format of weights, against diffusers with the dequantised weights. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ggufHeader } from '../../bench/quantized-files.ts'
import { memoize } from '../../src/memoize.ts'
import { bytesPerElement } from '../../src/tensor/dtype.ts'
import { bitsOfEach, toBfloat16Bits, toFloat16Bits } from '../../src/tensor/float16.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { keepSessionsOf } from '../kept-backend.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { blockFormats, blocksOf, layerFormats } from './format-layers.ts'
import { seededModels, writeSeededModel } from './seeded-models.ts'

const scratch = keepSessionsOf(scratchFolder())
const folder = path.join(scratch, 'model')
const results = readFixtureTensors(fixture('formats-seeded/results.safetensors'))
let network: ReadonlyMap<string, Tensor>

beforeAll(async () => {
  const { index, components } = seededModels()['wan21-t2v']!
  const size = { attention_head_dim: 128, num_attention_heads: 2, ffn_dim: 256, num_layers: 1 }
  await writeSeededModel(folder, {
    index,
    components: { ...components, transformer: { ...components.transformer, ...size } },
  })
  network = readFixtureTensors(path.join(folder, 'transformer/diffusion_pytorch_model.safetensors'))
})

const isMatrix = (key: string, { shape }: Tensor) => /^blocks\..*\.weight$/.test(key) && shape.length === 2

/** Matrices of the layer in a format, everything else in f32. */
async function writeLayers(file: string, format: string): Promise<void> {
  const tensors = [...network].flatMap(([key, value]): [string, Tensor][] => {
    if (!isMatrix(key, value)) return [[key, value]]
    const layer = key.slice(0, -'.weight'.length)
    return Object.entries(layerFormats[format]!(key)).map(([name, each]) => [`${layer}.${name}`, each])
  })
  const legacy: [string, Tensor][] =
    format === 'fp8-scaled-legacy' ? [['scaled_fp8', tensor('f8e4m3', [0], new Uint8Array())]] : []
  await writeSafetensors(file, new Map([...tensors, ...legacy]))
}

async function writeBlocks(
  file: string,
  blocks: (key: string) => { type: number; data: Uint8Array },
): Promise<void> {
  const tensors = [...network].map(([key, value]) => {
    const dense = new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength)
    const { type, data } = isMatrix(key, value) ? blocks(key) : { type: 0, data: dense }
    return { key, shape: value.shape, type, bytes: data.length, data }
  })
  const padding = (bytes: number) => new Uint8Array((32 - (bytes % 32)) % 32)
  const pieces = tensors.flatMap(({ data }) => [data, padding(data.length)])
  await writeFile(file, Buffer.concat([ggufHeader(tensors), ...pieces]))
}

/** A matrix of the network in 16 bits. */
const rounded = memoize(
  ({ key, dtype }: { readonly key: string; readonly dtype: 'f16' | 'bf16' }) => {
    const { shape, data } = network.get(key)!
    return tensor(
      dtype,
      shape,
      bitsOfEach(data as Float32Array, dtype === 'f16' ? toFloat16Bits : toBfloat16Bits),
    )
  },
  ({ key, dtype }) => `${dtype} ${key}`,
)

async function writeDense(file: string, dtype: 'f32' | 'f16' | 'bf16'): Promise<void> {
  const stored = [...network].map(([key, value]) => {
    return [key, dtype !== 'f32' && isMatrix(key, value) ? rounded({ key, dtype }) : value] as const
  })
  await writeSafetensors(file, new Map(stored))
}

const ggmlTypes = { f32: 0, f16: 1, bf16: 30 } as const

/** Every case: the name of its result, and how its file is written. */
const cases: readonly (readonly [name: string, file: string, write: (file: string) => Promise<void>])[] = [
  ...(['f32', 'bf16', 'f16'] as const).flatMap(dtype => [
    [dtype, `${dtype}.safetensors`, (file: string) => writeDense(file, dtype)] as const,
    [
      dtype,
      `${dtype}.gguf`,
      (file: string) =>
        writeBlocks(file, key => {
          const { data } = dtype === 'f32' ? network.get(key)! : rounded({ key, dtype })
          const bytes = data.length * bytesPerElement(dtype)
          return { type: ggmlTypes[dtype], data: new Uint8Array(data.buffer, data.byteOffset, bytes) }
        }),
    ] as const,
  ]),
  ...Object.keys(layerFormats).map(
    name => [name, `${name}.safetensors`, (file: string) => writeLayers(file, name)] as const,
  ),
  ...Object.entries(blockFormats).map(
    ([name, format]) =>
      [
        name,
        `${name}.gguf`,
        (file: string) => writeBlocks(file, key => ({ type: format.type, data: blocksOf(key, format) })),
      ] as const,
  ),
]

test.each(cases)(
  '%s in %s: from prompt and seed, every step is what diffusers gives',
  async (name, file, write) => {
    const model = path.join(scratch, file)
    await write(model)
    await using engine = await openKeptEngine({
      model,
      files: {
        textEncoder: path.join(folder, 'text_encoder/model.safetensors'),
        vae: path.join(folder, 'vae/diffusion_pytorch_model.safetensors'),
        tokenizer: path.join(folder, 'tokenizer'),
      },
      // The text encoder is the same in all of them.
      promptCache: path.join(scratch, 'prompts'),
    })
    const latents: number[] = []
    const request = {
      prompt: 'A cat and a dog bake a cake.',
      negativePrompt: 'blurry',
      width: 16,
      height: 16,
      frames: 5,
      steps: 2,
      guidance: 4,
      maxTextTokens: 32,
      seed: 7,
      tensors: true,
    } as const
    for await (const event of engine.generate(request)) {
      if (event.type === 'step-end') latents.push(...(event.tensors!.latents.data as Float32Array))
      if (latents.length === results.get(name)!.data.length) break // The decoder is the same, too.
    }
    const expected = results.get(name)!.data as Float32Array
    expect(latents).toHaveLength(expected.length)
    expect(relativeError(latents, expected)).toBeLessThan(1e-4)
  },
)

describe('docs/models-and-files.md', () => {
  /** Rows of the table of formats, and the cases that prove them. */
  const rows: Readonly<Record<string, readonly string[]>> = {
    'bf16, f16, f32': ['bf16', 'f16', 'f32'],
    'fp8 (`float8_e4m3fn`, `float8_e5m2`)': ['fp8-e4m3', 'fp8-e5m2', 'fp8-scaled-legacy', 'fp8-scaled'],
    'fp8 in blocks': ['fp8-blocks'],
    'int8 (`int8_tensorwise`), also with ConvRot': ['int8', 'int8-convrot'],
    MXFP8: ['mxfp8'],
    NVFP4: ['nvfp4', 'nvfp4-modelopt'],
    'int4 with ConvRot (`convrot_w4a4`), W4A8 (`asym_w4a8_int8`), AWQ (`awq_w4a16`)': [
      'convrot-w4a4',
      'w4a8',
      'awq',
    ],
    'qint8, qfloat8 (optimum-quanto)': ['quanto-int8', 'quanto-float8'],
    Q8_0: ['Q8_0'],
    'Q6_K, Q5_K, Q4_K, Q3_K, Q2_K': ['Q6_K', 'Q5_K', 'Q4_K', 'Q3_K', 'Q2_K'],
    'Q5_1, Q5_0, Q4_1, Q4_0': ['Q5_1', 'Q5_0', 'Q4_1', 'Q4_0'],
    'IQ4_NL, IQ4_XS': ['IQ4_NL', 'IQ4_XS'],
  }

  test('lists no format that has no model here', () => {
    const page = readFileSync('docs/models-and-files.md', 'utf8')
    const [, table = ''] = /\n## Formats\n([\s\S]*?)\n\n[^|\n]/.exec(page) ?? []
    const listed = [...table.matchAll(/^\| ([^|]+?) +\|/gm)].map(([, cell]) => cell!)
    expect(listed.filter(cell => cell !== 'Format' && !cell.startsWith('--'))).toEqual(Object.keys(rows))
    const proven = Object.values(rows).flat()
    expect(new Set(cases.map(([name]) => name))).toEqual(new Set(proven))
    expect([...results.keys()].toSorted()).toEqual(proven.toSorted())
  })
})
