import path from 'node:path'
import { expect, test } from 'vitest'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { readTensorFile } from '../../../src/weights/formats/read-tensor-file.ts'
import { firstNotFinite } from '../../../src/weights/not-finite.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()

const [largest, special] = [
  {
    f32: [0x7f7f_ffff, 0xff7f_ffff],
    f16: [0x7bff, 0xfbff],
    bf16: [0x7f7f, 0xff7f],
    f8e4m3: [0x7e, 0xfe],
    f8e5m2: [0x7b, 0xfb],
  },
  {
    f32: [0x7f80_0000, 0xff80_0000, 0x7fc0_0000],
    f16: [0x7c00, 0xfc00, 0x7e01],
    bf16: [0x7f80, 0xff80, 0xffc0],
    f8e4m3: [0x7f, 0xff],
    f8e5m2: [0x7c, 0xfc, 0x7e],
  },
]
const dtypes = ['f32', 'f16', 'bf16', 'f8e4m3', 'f8e5m2'] as const

function stored(dtype: (typeof dtypes)[number], bits: readonly number[]): Tensor {
  const shape = [1, bits.length]
  if (dtype === 'f32') return tensor(dtype, shape, new Float32Array(Uint32Array.from(bits).buffer))
  if (dtype === 'f16' || dtype === 'bf16') return tensor(dtype, shape, Uint16Array.from(bits))
  return tensor(dtype, shape, Uint8Array.from(bits))
}

async function found(tensors: Readonly<Record<string, Tensor>>) {
  const file = path.join(scratch, 'weights.safetensors')
  await writeSafetensors(file, new Map(Object.entries(tensors)))
  const read = await readTensorFile(file)
  const first = await firstNotFinite(read.tensors.values())
  return first && [first.location.key, first.index]
}

test.each(dtypes)('the largest numbers of %s are finite, infinities and NaN are not', async dtype => {
  const finite = stored(dtype, [0, ...largest[dtype]])
  expect(await found({ 'a.weight': finite })).toBeUndefined()
  for (const bits of special[dtype]) {
    const wrong = stored(dtype, [0, ...largest[dtype], bits])
    expect(await found({ 'a.weight': finite, 'b.weight': wrong })).toEqual(['b.weight', 3])
  }
})

test('integers have no numbers that are not finite', async () => {
  expect(await found({ ids: tensor('i32', [1], Int32Array.of(-1)) })).toBeUndefined()
})
