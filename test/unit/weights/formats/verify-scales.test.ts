/** Scales of blocks that are infinite or no number are found before a model runs. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../../../../src/tensor/tensor.ts'
import { readTensorFile } from '../../../../src/weights/formats/read-tensor-file.ts'
import type { TensorLocation } from '../../../../src/weights/tensor-location.ts'
import { writeSafetensors } from '../../../../src/weights/write-safetensors.ts'
import { fixture } from '../../../fixtures.ts'
import { failure, scratchFolder } from '../../../scratch.ts'

const scratch = scratchFolder()
let files = 0
const nextFile = (ending: string) => join(scratch, `${files++}.${ending}`)

describe('blocks of GGUF', async () => {
  const { path, tensors } = await readTensorFile(fixture('formats-modules/blocks.gguf'))
  const blocks = [...tensors.values()].filter(({ encoding }) => encoding)
  /** Bytes of a block, and where f16 values are in it (`ggml-common.h`). */
  const layouts: Record<string, [bytes: number, scales: number[]]> = {
    Q4_0: [18, [0]],
    Q4_1: [20, [0, 2]],
    Q5_0: [22, [0]],
    Q5_1: [24, [0, 2]],
    Q8_0: [34, [0]],
    Q2_K: [84, [80, 82]],
    Q3_K: [110, [108]],
    Q4_K: [144, [0, 2]],
    Q5_K: [176, [0, 2]],
    Q6_K: [210, [208]],
  }
  const cases = blocks.flatMap(weight => {
    const [bytes, scales] = layouts[weight.encoding!.name]!
    return scales.map(at => [weight.encoding!.name, at, bytes, weight] as const)
  })

  test('of every type are in the file', () => {
    expect(new Set(cases.map(([name]) => name))).toEqual(new Set(Object.keys(layouts)))
  })

  test.each(cases)('of %s with no number at byte %i are refused by block', async (_, at, bytes, weight) => {
    const count = weight.bytes / bytes
    await weight.encoding!.verify!()
    for (const [bits, block] of [
      [0x7e00, 0],
      [0xfe01, count - 1],
      [0x7c00, count - 1],
      [0xfc00, 0],
    ] as const) {
      const copy = nextFile('gguf')
      const data = readFileSync(path)
      data.writeUInt16LE(bits, weight.offset + block * bytes + at)
      writeFileSync(copy, data)
      const damaged = (await readTensorFile(copy)).tensors.get(weight.key)!
      const { code, message } = await failure(damaged.encoding!.verify!())
      expect(code).toBe('checkpoint/tensors')
      expect(message).toContain(
        `${copy}: ${weight.key}: expected finite scales, got none in block ${block} of ${count}`,
      )
    }
  })

  test('may have a scale of zero, the largest one, and one below zero', async () => {
    const copy = nextFile('gguf')
    const weight = blocks.find(({ encoding }) => encoding!.name === 'Q8_0')!
    for (const bits of [0, 0x8000, 0x7bff, 0xfbff]) {
      copyFileSync(path, copy)
      const data = readFileSync(copy)
      data.writeUInt16LE(bits, weight.offset)
      writeFileSync(copy, data)
      await (await readTensorFile(copy)).tensors.get(weight.key)!.encoding!.verify!()
    }
  })

  test('that end before they should are an error of a file that was cut', async () => {
    const copy = nextFile('gguf')
    copyFileSync(path, copy)
    const last = blocks.toSorted((a, b) => b.offset - a.offset)[0]!
    const weight = (await readTensorFile(copy)).tensors.get(last.key)!
    writeFileSync(copy, readFileSync(path).subarray(0, last.offset + 10))
    expect(await failure(weight.encoding!.verify!())).toMatchObject({ code: 'checkpoint/corrupt' })
  })
})

describe('scales of blocks in .safetensors', () => {
  const u8 = (shape: number[], fill: number) => {
    const count = shape.reduce((a, b) => a * b, 1)
    return tensor('u8', shape, new Uint8Array(count).fill(fill))
  }
  const fp8 = (shape: number[], fill: number) => ({ ...u8(shape, fill), dtype: 'f8e4m3' as const })
  const one = tensor('f32', [], Float32Array.of(1))
  const text = (value: unknown) => {
    const bytes = Uint8Array.from(Buffer.from(JSON.stringify(value)))
    return tensor('u8', [bytes.length], bytes)
  }

  async function layer(tensors: Record<string, Tensor>): Promise<TensorLocation> {
    const file = nextFile('safetensors')
    await writeSafetensors(
      file,
      new Map(Object.entries(tensors).map(([name, value]) => [`a.${name}`, value])),
    )
    return (await readTensorFile(file)).tensors.get('a.weight')!
  }

  /** A matrix of 32 rows in each format, with byte `value` as its scale `index`. */
  const formats: Record<string, { scales: number; make(scale: Uint8Array): Record<string, Tensor> }> = {
    NVFP4: {
      scales: 512,
      make: scale => ({
        weight: u8([32, 16], 0x22),
        weight_scale: { ...fp8([128, 4], 0), data: scale } as Tensor,
        weight_scale_2: one,
      }),
    },
    'NVFP4 (ModelOpt)': {
      scales: 64,
      make: scale => ({
        weight: u8([32, 16], 0x22),
        weight_scale: { ...fp8([32, 2], 0), data: scale } as Tensor,
        weight_scale_2: one,
      }),
    },
    MXFP8: {
      scales: 512,
      make: scale => ({
        weight: fp8([32, 64], 0x38),
        weight_scale: { ...u8([128, 4], 0), data: scale } as Tensor,
      }),
    },
    'W4A8 ConvRot': {
      scales: 32,
      make: scale => ({
        weight: { ...u8([8, 32], 0x12), dtype: 'u8' },
        weight_s_rel: { ...fp8([8, 4], 0), data: scale } as Tensor,
        weight_s_channel: tensor('f32', [8], new Float32Array(8).fill(1)),
        comfy_quant: text({ format: 'asym_w4a8_int8', convrot_groupsize: 16 }),
      }),
    },
  }
  const broken = { NVFP4: 0x7f, 'NVFP4 (ModelOpt)': 0xff, MXFP8: 0xff, 'W4A8 ConvRot': 0x7f } as const

  test.each(Object.keys(broken) as (keyof typeof broken)[])('of %s are refused', async name => {
    const { scales, make } = formats[name]!
    const filled = (index?: number) => {
      const bytes = new Uint8Array(scales).fill(0x38)
      if (index !== undefined) bytes[index] = broken[name]
      return make(bytes)
    }
    const whole = await layer(filled())
    expect(whole.encoding!.name).toBe(name)
    await whole.encoding!.verify!()
    for (const index of [0, 16]) {
      const { code, message } = await failure((await layer(filled(index))).encoding!.verify!())
      expect(code).toBe('checkpoint/tensors')
      expect(message).toMatch(new RegExp(`expected finite scales, got none in block ${index} of ${scales}`))
    }
  })

  test.each(['NVFP4', 'MXFP8'] as const)('of %s may be anything where they only pad a tile', async name => {
    const { scales, make } = formats[name]!
    const bytes = new Uint8Array(scales).fill(0x38)
    // Of a tile of 128 × 4 there are 32 × 2: the second to fourth 32 rows, and columns 2 and 3, pad it.
    for (let index = 0; index < scales; index++) {
      if ((index >> 2) % 4 > 0 || index % 4 > 1) bytes[index] = broken[name]
    }
    await (await layer(make(bytes))).encoding!.verify!()
    bytes[511 - 15 + 1] = broken[name]
    expect((await failure((await layer(make(bytes))).encoding!.verify!())).message).toMatch(
      /block 497 of 512/,
    )
  })
})
