import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import {
  readSafetensorsHeader,
  readTensor,
  toFloat32,
  writeSafetensors,
} from '../../../src/weights/safetensors.ts'
import { fixture } from '../../fixtures.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { headerOf, safetensorsBytes } from './safetensors-bytes.ts'
import { failure, scratchFolder } from './scratch.ts'

const folder = scratchFolder()

/** What safetensors 0.8.0's `torch.save` writes for `referenceTensors` and metadata {"format": "pt"}. */
const referenceFile = Buffer.from(
  'EAMAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJpNjQiOnsiZHR5cGUiOiJJNjQiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNl' +
    'dHMiOlswLDhdfSwiYzY0Ijp7ImR0eXBlIjoiRjY0Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbOCwxNl19LCJhLmYzMiI6eyJkdHlwZSI6' +
    'IkYzMiIsInNoYXBlIjpbMCw0XSwiZGF0YV9vZmZzZXRzIjpbMTYsMTZdfSwiZjMyIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDNdLCJkYXRh' +
    'X29mZnNldHMiOlsxNiw0MF19LCJiMzIiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOls0MCw0NF19LCLDvCI6eyJk' +
    'dHlwZSI6IkJGMTYiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOls0NCw0OF19LCJmMTYiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6W10sImRh' +
    'dGFfb2Zmc2V0cyI6WzQ4LDUwXX0sImExNiI6eyJkdHlwZSI6IkkxNiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzUwLDUyXX0sImU0Ijp7' +
    'ImR0eXBlIjoiRjhfRTRNMyIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzUyLDU0XX0sImU1Ijp7ImR0eXBlIjoiRjhfRTVNMiIsInNoYXBl' +
    'IjpbMV0sImRhdGFfb2Zmc2V0cyI6WzU0LDU1XX0sImk4Ijp7ImR0eXBlIjoiSTgiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOls1NSw1OF19' +
    'LCJ1OCI6eyJkdHlwZSI6IlU4Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbNTgsNTldfSwiZmxhZyI6eyJkdHlwZSI6IkJPT0wiLCJzaGFw' +
    'ZSI6WzJdLCJkYXRhX29mZnNldHMiOls1OSw2MV19fSAgICAgAAAAAAABAAAAAAAAAAD0PwAAAAAAAIA/AAAAQAAAQEAAAIBAAACgQAcAAAAAP4C/' +
    'AD4BADz+NAH+A/8BAA==',
  'base64',
)

const referenceTensors = new Map<string, Tensor>([
  ['a16', tensor('i16', [1], Int16Array.of(1))],
  ['b32', tensor('i32', [1], Int32Array.of(7))],
  ['c64', tensor('f64', [1], Float64Array.of(1.25))],
  ['i64', tensor('i64', [1], BigInt64Array.of(2n ** 40n))],
  ['f32', tensor('f32', [2, 3], Float32Array.of(0, 1, 2, 3, 4, 5))],
  ['a.f32', tensor('f32', [0, 4], new Float32Array())],
  ['ü', tensor('bf16', [2], Uint16Array.of(0x3f00, 0xbf80))],
  ['f16', tensor('f16', [], Uint16Array.of(0x3e00))],
  ['e4', tensor('f8e4m3', [2], Uint8Array.of(0x3c, 0xfe))],
  ['e5', tensor('f8e5m2', [1], Uint8Array.of(0x34))],
  ['i8', tensor('i8', [3], Int8Array.of(1, -2, 3))],
  ['u8', tensor('u8', [1], Uint8Array.of(255))],
  ['flag', tensor('bool', [2], Uint8Array.of(1, 0))],
])

async function readAll(path: string): Promise<Map<string, Tensor>> {
  const { tensors } = await readSafetensorsHeader(path)
  const read = [...tensors].map(async ([key, location]) => [key, await readTensor(location)] as const)
  return new Map(await Promise.all(read))
}

describe('readTensor', () => {
  test('reads every dtype of a file that the reference implementation wrote', async () => {
    const path = join(folder, 'reference.safetensors')
    writeFileSync(path, referenceFile)
    const tensors = await readAll(path)
    for (const [key, expected] of referenceTensors) expect(tensors.get(key), key).toEqual(expected)
    expect(tensors.size).toBe(referenceTensors.size)
  })

  test('reads every reference file as an independent reader does', async () => {
    const root = dirname(fixture('published'))
    const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(path =>
      path.endsWith('.safetensors'),
    )
    expect(paths.length).toBeGreaterThan(0)
    for (const path of paths.map(name => join(root, name))) {
      const expected = readFixtureTensors(path)
      const tensors = await readAll(path)
      expect([...tensors.keys()].sort(), path).toEqual([...expected.keys()].sort())
      for (const [key, { dtype, shape, data }] of expected) {
        const found = tensors.get(key)
        expect({ dtype: found?.dtype, shape: found?.shape }, `${path} ${key}`).toEqual({ dtype, shape })
        expect(Buffer.from(found!.data.buffer).equals(Buffer.from(data.buffer)), `${path} ${key}`).toBe(true)
      }
    }
  })

  test('reads elements that lie at an odd place in the file', async () => {
    const path = join(folder, 'odd.safetensors')
    const members = {
      byte: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
      floats: { dtype: 'F32', shape: [2], data_offsets: [1, 9] },
    }
    const data = Buffer.concat([Buffer.of(9), Buffer.from(Float32Array.of(1.5, -2).buffer)])
    writeFileSync(path, safetensorsBytes(headerOf(members), data))
    expect((await readAll(path)).get('floats')).toEqual(tensor('f32', [2], Float32Array.of(1.5, -2)))
  })

  test('refuses a file that has become shorter, and one that has gone', async () => {
    const path = join(folder, 'shrinking.safetensors')
    writeFileSync(path, referenceFile)
    const location = (await readSafetensorsHeader(path)).tensors.get('f32')!
    truncateSync(path, location.offset + 4)
    expect(await failure(readTensor(location))).toMatchObject({ code: 'checkpoint/corrupt' })
    const gone = { ...location, file: join(folder, 'gone.safetensors') }
    expect(await failure(readTensor(gone))).toMatchObject({ code: 'checkpoint/not-found' })
  })

  test('says so when a tensor does not fit in memory', async () => {
    const members = { big: { dtype: 'F32', shape: [2 ** 43], data_offsets: [0, 2 ** 45] } }
    const path = join(folder, 'big.safetensors')
    const bytes = safetensorsBytes(headerOf(members), new Uint8Array())
    writeFileSync(path, bytes)
    const location = {
      key: 'big',
      dtype: 'f32',
      shape: [2 ** 43],
      file: path,
      offset: bytes.length,
      bytes: 2 ** 45,
    } as const
    expect(await failure(readTensor(location))).toMatchObject({
      code: 'runtime/memory',
      name: 'BackendError',
    })
  })
})

describe('writeSafetensors', () => {
  test('writes byte for byte what the reference implementation writes', async () => {
    const path = join(folder, 'written.safetensors')
    await writeSafetensors(path, referenceTensors, new Map([['format', 'pt']]))
    expect(readFileSync(path).equals(referenceFile)).toBe(true)
  })

  test('writes only the part of a buffer that the tensor views', async () => {
    const path = join(folder, 'view.safetensors')
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3)
    await writeSafetensors(path, new Map([['x', tensor('f32', [2], data)]]))
    expect([...(await readAll(path)).get('x')!.data]).toEqual([2, 3])
  })

  test('writes a file without tensors', async () => {
    const path = join(folder, 'empty.safetensors')
    await writeSafetensors(path, new Map())
    expect((await readSafetensorsHeader(path)).tensors.size).toBe(0)
  })

  test('replaces a file that was there, and leaves no temporary one', async () => {
    const place = join(folder, 'replace')
    mkdirSync(place)
    const path = join(place, 'x.safetensors')
    writeFileSync(path, 'old')
    await writeSafetensors(path, referenceTensors)
    expect(readdirSync(place)).toEqual(['x.safetensors'])
    expect((await readSafetensorsHeader(path)).tensors.size).toBe(referenceTensors.size)
  })

  test('leaves nothing behind where it cannot write', async () => {
    const missing = join(folder, 'no-such-folder', 'x.safetensors')
    const what = { code: 'media/output', name: 'MediaError', message: expect.stringContaining(missing) }
    expect(await failure(writeSafetensors(missing, referenceTensors))).toMatchObject(what)
    expect(existsSync(dirname(missing))).toBe(false)
    const taken = join(folder, 'taken', 'x.safetensors')
    mkdirSync(taken, { recursive: true })
    expect(await failure(writeSafetensors(taken, referenceTensors))).toMatchObject({ code: 'media/output' })
    expect(readdirSync(dirname(taken))).toEqual(['x.safetensors'])
  })

  test.skipIf(process.getuid?.() === 0)('leaves a folder alone that it may not write to', async () => {
    const locked = join(folder, 'locked')
    mkdirSync(locked)
    chmodSync(locked, 0o555)
    const writing = writeSafetensors(join(locked, 'x.safetensors'), referenceTensors)
    expect(await failure(writing)).toMatchObject({ code: 'media/output' })
  })

  test('refuses reserved keys', async () => {
    const value = tensor('u8', [1], Uint8Array.of(1))
    for (const key of ['__metadata__', '__proto__']) {
      await expect(writeSafetensors(join(folder, 'bad'), new Map([[key, value]]))).rejects.toThrow(RangeError)
    }
    expect(existsSync(join(folder, 'bad'))).toBe(false)
  })
})

/** All 256 values of an 8-bit float, with sums over the finite ones to compare with torch 2.13's. */
function sums(dtype: 'f8e4m3' | 'f8e5m2'): { sum: number; magnitudes: number; values: Float32Array } {
  const values = toFloat32(
    tensor(
      dtype,
      [256],
      Uint8Array.from({ length: 256 }, (_, bits) => bits),
    ),
  ).data
  const finite = [...values].filter(Number.isFinite)
  return {
    values,
    sum: finite.reduce((total, value) => total + value, 0),
    magnitudes: finite.reduce((total, value) => total + Math.abs(value), 0),
  }
}

describe('toFloat32', () => {
  test('reads float8 e4m3 as torch.float8_e4m3fn', () => {
    const { values, sum, magnitudes } = sums('f8e4m3')
    const picked = [0x00, 0x01, 0x07, 0x08, 0x38, 0x7b, 0x7c, 0x7e, 0x7f, 0x80, 0x81, 0xff, 0xfe]
    expect(picked.map(bits => values[bits])).toEqual([
      0,
      2 ** -9,
      0.013671875,
      2 ** -6,
      1,
      352,
      384,
      448,
      Number.NaN,
      -0,
      -(2 ** -9),
      Number.NaN,
      -448,
    ])
    expect([...values].filter(Number.isNaN)).toHaveLength(2)
    expect({ sum, magnitudes }).toEqual({ sum: 0, magnitudes: 10815.75 })
  })

  test('reads float8 e5m2 as torch.float8_e5m2', () => {
    const { values, sum, magnitudes } = sums('f8e5m2')
    const picked = [0x00, 0x01, 0x07, 0x08, 0x38, 0x7b, 0x7c, 0xfc, 0x80, 0x81, 0xff]
    expect(picked.map(bits => values[bits])).toEqual([
      0,
      2 ** -16,
      7 * 2 ** -16,
      2 ** -13,
      0.5,
      57344,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      -0,
      -(2 ** -16),
      Number.NaN,
    ])
    expect([...values].filter(Number.isNaN)).toHaveLength(6)
    expect({ sum, magnitudes }).toEqual({ sum: 0, magnitudes: 720895.9995117188 })
  })

  test('reads the other dtypes by their values and keeps the shape', () => {
    const values = [...referenceTensors].map(([key, value]) => [key, [...toFloat32(value).data]])
    expect(Object.fromEntries(values)).toEqual({
      a16: [1],
      b32: [7],
      c64: [1.25],
      i64: [2 ** 40],
      f32: [0, 1, 2, 3, 4, 5],
      'a.f32': [],
      ü: [0.5, -1],
      f16: [1.5],
      e4: [1.5, -448],
      e5: [0.25],
      i8: [1, -2, 3],
      u8: [255],
      flag: [1, 0],
    })
    expect(toFloat32(referenceTensors.get('f32')!).shape).toEqual([2, 3])
  })
})
