import { execFileSync } from 'node:child_process'
import { mkdirSync, realpathSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSafetensorsHeader } from '../../../src/weights/safetensors.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { headerOf, safetensorsBytes, smallData, smallFile, smallMembers } from './safetensors-bytes.ts'

const folder = scratchFolder()
let files = 0

function written(bytes: Uint8Array): string {
  const path = join(folder, `${files++}.safetensors`)
  writeFileSync(path, bytes)
  return path
}

/** The message with which a file of these bytes is refused; it has to name the file. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const path = written(bytes)
  const { code, message, name } = await failure(readSafetensorsHeader(path))
  expect({ name, code }).toEqual({ name: 'CheckpointError', code: 'checkpoint/corrupt' })
  expect(message).toContain(path)
  return message.replaceAll(path, 'FILE')
}

const { a, b, c } = smallMembers

describe('a valid file', () => {
  test('gives dtype, shape and absolute place of every tensor, and the metadata', async () => {
    const path = written(smallFile)
    const header = await readSafetensorsHeader(path)
    const dataStart = smallFile.length - smallData.length
    expect(header.path).toBe(realpathSync(path))
    expect(header.bytes).toBe(smallFile.length)
    expect([...header.metadata]).toEqual([['format', 'pt']])
    expect([...header.tensors.values()]).toEqual([
      { key: 'a', dtype: 'f32', shape: [2, 3], file: header.path, offset: dataStart, bytes: 24 },
      { key: 'b', dtype: 'bf16', shape: [4], file: header.path, offset: dataStart + 24, bytes: 8 },
      { key: 'c', dtype: 'f32', shape: [0, 7], file: header.path, offset: dataStart + 32, bytes: 0 },
    ])
  })

  test('may list tensors in any order and pad its header with spaces', async () => {
    const header = await readSafetensorsHeader(
      written(safetensorsBytes(`${headerOf({ c, b, a })}      `, smallData)),
    )
    expect([...header.tensors.keys()]).toEqual(['c', 'b', 'a'])
    expect(header.metadata.size).toBe(0)
  })

  test('may hold no tensor at all', async () => {
    expect(
      (await readSafetensorsHeader(written(safetensorsBytes('{}', new Uint8Array())))).tensors.size,
    ).toBe(0)
  })

  test('may have a header of 60 bytes, whose first byte is that of a web page', async () => {
    const bytes = safetensorsBytes('{}'.padEnd(60), new Uint8Array())
    expect(bytes.toString('latin1', 0, 1)).toBe('<')
    expect((await readSafetensorsHeader(written(bytes))).tensors.size).toBe(0)
  })

  test('is found through links, and its place is the real path', async () => {
    const real = written(smallFile)
    symlinkSync(real, join(folder, 'link'))
    const header = await readSafetensorsHeader(join(folder, 'link'))
    expect(header.path).toBe(realpathSync(real))
    expect(header.tensors.get('a')?.file).toBe(realpathSync(real))
  })

  test('names each dtype of the format', async () => {
    const names = 'F64 F32 F16 BF16 F8_E4M3 F8_E5M2 I64 I32 I16 I8 U8 BOOL'.split(' ')
    const members = names.map(dtype => [dtype, { dtype, shape: [0], data_offsets: [0, 0] }])
    const bytes = safetensorsBytes(headerOf(Object.fromEntries(members)), new Uint8Array())
    const { tensors } = await readSafetensorsHeader(written(bytes))
    const dtypes = 'f64 f32 f16 bf16 f8e4m3 f8e5m2 i64 i32 i16 i8 u8 bool'.split(' ')
    expect([...tensors.values()].map(({ dtype }) => dtype)).toEqual(dtypes)
  })

  test('is not read beyond its header', async () => {
    const members = { big: { dtype: 'F32', shape: [2 ** 36], data_offsets: [0, 2 ** 38] } }
    const bytes = safetensorsBytes(headerOf(members), new Uint8Array())
    const path = written(bytes)
    truncateSync(path, bytes.length + 2 ** 38)
    expect((await readSafetensorsHeader(path)).tensors.get('big')?.bytes).toBe(2 ** 38)
  })
})

describe('what is not a weights file', () => {
  test('is refused as missing where there is nothing', async () => {
    const path = join(folder, 'none.safetensors')
    const { code, message } = await failure(readSafetensorsHeader(path))
    expect(code).toBe('checkpoint/not-found')
    expect(message).toContain(`${path}: expected a weights file, got nothing.`)
  })

  test('is refused as missing where a link leads nowhere', async () => {
    symlinkSync(join(folder, 'gone'), join(folder, 'dangling'))
    const { code, message } = await failure(readSafetensorsHeader(join(folder, 'dangling')))
    expect(code).toBe('checkpoint/not-found')
    expect(message).toContain(`got a link to ${join(folder, 'gone')}, where nothing is. Check the path`)
  })

  test('is refused when it is a folder, a pipe or a path that cannot be', async () => {
    mkdirSync(join(folder, 'dir.safetensors'))
    execFileSync('mkfifo', [join(folder, 'pipe.safetensors')])
    symlinkSync('loop', join(folder, 'loop'))
    const code = 'checkpoint/corrupt'
    const refused = (name: string) => failure(readSafetensorsHeader(join(folder, name)))
    expect(await refused('dir.safetensors')).toMatchObject({
      code,
      message: expect.stringContaining('got a folder. Put the file of weights in its place.'),
    })
    expect(await refused('pipe.safetensors')).toMatchObject({
      code,
      message: expect.stringContaining('pipe'),
    })
    const loop =
      'expected a file that can be read, got links that lead in a circle (ELOOP). Give the file itself.'
    expect(await refused('loop')).toMatchObject({ code, message: expect.stringContaining(loop) })
    expect(await refused('x\0y')).toMatchObject({ code })
    expect(await refused('n'.repeat(5000))).toMatchObject({ code })
  })

  test('is refused when it is empty or shorter than a length', async () => {
    expect(await refusal(Buffer.alloc(0))).toMatch(/^FILE: expected .*, got an empty file\. Download/)
    expect(await refusal(Buffer.alloc(7))).toMatch(/got 7 bytes\./)
    writeFileSync(join(folder, 'empty.gguf'), '')
    expect(await failure(readSafetensorsHeader(join(folder, 'empty.gguf')))).toMatchObject({
      message: expect.stringContaining('expected a GGUF file of at least 8 bytes, got an empty file.'),
    })
  })

  test('is named when it is a Git LFS pointer, a pickle, a GGUF file or a web page', async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'
    expect(await refusal(Buffer.from(pointer))).toMatch(/got a Git LFS pointer .*git lfs pull/)
    expect(await refusal(Buffer.from('PK\x03\x04\0\0\x08\x08archive/data.pkl', 'latin1'))).toContain(
      'got a zip archive',
    )
    expect(await refusal(Buffer.from('GGUF\x03\0\0\0\0\0\0\0'))).toContain('got a GGUF file')
    expect(await refusal(Buffer.from('<!DOCTYPE html><title>404</title>'))).toContain('got a web page')
  })
})

describe('another file in the place of weights', () => {
  const other = 'got bytes of another format, or damaged ones. Check that it is the file that was meant'
  test.each<[what: string, start: string | Buffer, got: string]>([
    ['of random bytes', Buffer.from('7ba9f06cd1e84b7290ffd80f4f1c8a3e55aa', 'hex'), other],
    // Its first eight bytes are a length that a header may have.
    ['of small numbers', Buffer.from([64, 1, 0, 0, 0, 0, 0, 0, ...Array(40).fill(7)]), other],
    ['of 32-bit floats', Buffer.from(new Float32Array([0.25, -1.5, 3, 0.125, 8, -0.5]).buffer), other],
    ['of a pickle', '\x80\x04\x95abcdefghijklmnop', 'got a file of Python’s pickle'],
    ['of NumPy', '\x93NUMPY\x01\0v\0{"descr"', 'got a NumPy array'],
    ['of Keras', '\x89HDF\r\n\x1a\n\0\0\0', 'got an HDF5 file'],
    ['of gzip', '\x1f\x8b\x08\0\0\0\0\0\0\x03', 'got an archive. Unpack'],
    ['with a picture', '\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'got a picture. Check the path'],
    ['with another picture', 'RIFF\x24\0\0\0WEBPVP8 ', 'got a picture'],
    ['with a video', '\0\0\0\x20ftypisom\0\0\x02\0', 'got a video'],
    ['with JSON', '{"base_model_name_or_path": "Wan-AI/Wan2.1"}', 'got JSON'],
    ['with text', 'A style for red balls.\nTrigger: sketchy', 'got text'],
  ])('%s is called what it is, with what to do', async (_, start, got) => {
    const bytes = typeof start === 'string' ? Buffer.from(start, 'latin1') : start
    const said = await refusal(bytes)
    expect(said).toContain(`FILE: expected a .safetensors file, ${got}`)
    expect(said).toMatch(/\. \w[^.]*(\.safetensors)?[^.]*\.$/)
    expect(said).not.toMatch(/\d{9}/)
  })

  test('of zeros, as a download leaves that never began, is to be downloaded again', async () => {
    expect(await refusal(Buffer.alloc(100))).toMatch(/as its header, got nothing\. Download the file again/)
  })
})

describe('a header', () => {
  test('is refused when its length goes beyond the file, and says how much is missing', async () => {
    const bytes = safetensorsBytes('{}', new Uint8Array(), 100n)
    expect(await refusal(bytes)).toContain(
      'expected a header of 100 bytes, got a file of 10 bytes that ends 98 bytes',
    )
  })

  test('is refused when its length is absurd', async () => {
    for (const length of [100_000_001n, 2n ** 53n, 2n ** 64n - 1n]) {
      expect(await refusal(safetensorsBytes('{}', smallData, length))).toContain(
        'expected a .safetensors file, got bytes of another format, or damaged ones',
      )
    }
  })

  test('is refused when it is not UTF-8', async () => {
    const bytes = Buffer.from(smallFile)
    bytes[bytes.indexOf('format')] = 0xff
    expect(await refusal(bytes)).toContain('expected a header in UTF-8')
  })
})
