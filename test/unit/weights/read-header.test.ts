import { execFileSync } from 'node:child_process'
import { mkdirSync, realpathSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSafetensorsHeader } from '../../../src/weights/safetensors.ts'
import { headerOf, safetensorsBytes, smallData, smallFile, smallMembers } from './safetensors-bytes.ts'
import { failure, scratchFolder } from './scratch.ts'

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

function refusalOf(
  members: Readonly<Record<string, unknown>>,
  data: Uint8Array = smallData,
): Promise<string> {
  return refusal(safetensorsBytes(headerOf(members), data))
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
    const { code } = await failure(readSafetensorsHeader(join(folder, 'dangling')))
    expect(code).toBe('checkpoint/not-found')
  })

  test('is refused when it is a folder, a pipe or a path that cannot be', async () => {
    mkdirSync(join(folder, 'dir.safetensors'))
    execFileSync('mkfifo', [join(folder, 'pipe.safetensors')])
    symlinkSync('loop', join(folder, 'loop'))
    const code = 'checkpoint/corrupt'
    const refused = (name: string) => failure(readSafetensorsHeader(join(folder, name)))
    expect(await refused('dir.safetensors')).toMatchObject({
      code,
      message: expect.stringContaining('got a folder.'),
    })
    expect(await refused('pipe.safetensors')).toMatchObject({
      code,
      message: expect.stringContaining('pipe'),
    })
    expect(await refused('loop')).toMatchObject({ code })
    expect(await refused('x\0y')).toMatchObject({ code })
    expect(await refused('n'.repeat(5000))).toMatchObject({ code })
  })

  test('is refused when it is empty or shorter than a length', async () => {
    expect(await refusal(Buffer.alloc(0))).toMatch(/^FILE: expected .*, got an empty file\. Download/)
    expect(await refusal(Buffer.alloc(7))).toMatch(/got 7 bytes\./)
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
        `expected a header of at most 100000000 bytes, got ${length} bytes`,
      )
    }
  })

  test.each([
    ['nothing', ''],
    ['spaces', '        '],
    ['a list', '[]'],
    ['a string', '"a"'],
    ['null', 'null'],
    ['a byte order mark', '\ufeff{}'],
    ['a brace', '{'],
    ['two objects', '{}{}'],
    ['text after the object', '{} x'],
    ['NaN', `{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,24]}}`],
    ['Infinity', `{"a":{"dtype":"F32","shape":[Infinity],"data_offsets":[0,24]}}`],
    ['a trailing comma', `{"a":{"dtype":"F32","shape":[2,3,],"data_offsets":[0,24]}}`],
    ['a comment', '{/* */}'],
    ['single quotes', "{'a':1}"],
    ['deep nesting', `{"a":${'['.repeat(100_000)}`],
    ['nested objects', `${'{"a":'.repeat(100_000)}`],
  ])('is refused when it is %s', async (_, text) => {
    expect(await refusal(safetensorsBytes(text, smallData))).toMatch(
      /^FILE: expected a JSON object as its header, got /,
    )
  })

  test('is refused when it is not UTF-8', async () => {
    const bytes = Buffer.from(smallFile)
    bytes[bytes.indexOf('format')] = 0xff
    expect(await refusal(bytes)).toContain('expected a header in UTF-8')
  })

  test('is refused when a key comes twice, whether spelled alike or not', async () => {
    const entry = JSON.stringify(a)
    expect(await refusal(safetensorsBytes(`{"a":${entry},"a":${entry}}`, smallData))).toContain(
      'key "a" comes twice',
    )
    expect(await refusal(safetensorsBytes(`{"a":${entry},"\\u0061":${entry}}`, smallData))).toContain(
      'comes twice',
    )
    const doubled = `{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24],"shape":[6]}}`
    expect(await refusal(safetensorsBytes(doubled, smallData))).toContain('"shape" comes twice')
  })

  test('is refused with a __proto__ key, and pollutes nothing', async () => {
    const entry = `{"__proto__":{"polluted":true},"dtype":"F32"}`
    expect(await refusal(safetensorsBytes(`{"__proto__":${entry}}`, smallData))).toContain(
      '"__proto__" is not allowed',
    )
    expect(await refusal(safetensorsBytes(`{"a":${entry}}`, smallData))).toContain(
      '"__proto__" is not allowed',
    )
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  test('may call tensors like members of an object', async () => {
    const members = { constructor: a, toString: b, hasOwnProperty: c }
    const { tensors } = await readSafetensorsHeader(written(safetensorsBytes(headerOf(members), smallData)))
    expect([...tensors.keys()]).toEqual(['constructor', 'toString', 'hasOwnProperty'])
  })

  test('is refused when metadata are not strings', async () => {
    expect(await refusalOf({ ...smallMembers, __metadata__: { n: 1 } })).toBe(
      'FILE: __metadata__["n"]: expected a string, got 1.',
    )
    expect(await refusalOf({ ...smallMembers, __metadata__: [] })).toContain(
      'expected an object of strings, got []',
    )
  })
})

describe('a tensor of a header', () => {
  test('is refused when its entry is not an object of the three fields', async () => {
    expect(await refusalOf({ a: 1 })).toContain(
      'FILE: "a": expected an object with dtype, shape, data_offsets, got 1.',
    )
    expect(await refusalOf({ a: { ...a, extra: 1 } })).toContain(
      'FILE: "a": expected only dtype, shape, data_offsets',
    )
    expect(await refusalOf({ a: { shape: [2, 3], data_offsets: [0, 24] } })).toMatch(
      /FILE: "a".dtype: .* got nothing/,
    )
    expect(await refusalOf({ a: { dtype: 'F32', data_offsets: [0, 24] } })).toMatch(
      /FILE: "a".shape: .* got nothing/,
    )
    expect(await refusalOf({ a: { dtype: 'F32', shape: [6] } })).toMatch(
      /FILE: "a".data_offsets: .* got nothing/,
    )
  })

  test.each(['F4', 'C64', 'f32', '', 'constructor', 32, null, ['F32']])(
    'is refused when its dtype is %j',
    async dtype => {
      expect(await refusalOf({ ...smallMembers, a: { ...a, dtype } })).toMatch(
        /^FILE: "a".dtype: expected one of I64, /,
      )
    },
  )

  test.each([
    [[-2, -3]],
    [[2.5, 2]],
    [['6']],
    ['6'],
    [6],
    [null],
    [[[6]]],
    [[2 ** 53]],
    [[1e300]],
    [Array(65).fill(1)],
  ])('is refused when its shape is %j', async shape => {
    expect(await refusalOf({ ...smallMembers, a: { ...a, shape } })).toMatch(
      /^FILE: "a".shape: expected a list of at most 64 non-negative integers, got /,
    )
  })

  test('is refused when the product of its dims is no exact integer, even with a zero dim behind', async () => {
    for (const shape of [
      [2 ** 30, 2 ** 30],
      [2 ** 52, 2 ** 52, 0],
    ]) {
      expect(await refusalOf({ ...smallMembers, a: { ...a, shape } })).toContain(
        'expected fewer than 2^53 bytes',
      )
    }
  })

  test.each([
    [[0]],
    [[0, 24, 32]],
    [['0', '24']],
    [[0.5, 24.5]],
    [[-24, 0]],
    [{ begin: 0, end: 24 }],
    [null],
    [[0, 2 ** 60]],
  ])('is refused when its offsets are %j', async data_offsets => {
    expect(await refusalOf({ ...smallMembers, a: { ...a, data_offsets } })).toMatch(
      /^FILE: "a".data_offsets: expected \[begin, end\] as non-negative integers, got /,
    )
  })

  test('is refused when its offsets do not fit its shape', async () => {
    expect(await refusalOf({ ...smallMembers, a: { ...a, data_offsets: [24, 0] } })).toContain(
      'expected begin ≤ end',
    )
    expect(await refusalOf({ ...smallMembers, a: { ...a, data_offsets: [0, 20] } })).toBe(
      'FILE: "a".data_offsets: expected 24 bytes for f32 [2, 3], got 20 bytes: [0, 20].',
    )
  })
})

describe('the data of a file', () => {
  test('is refused when the download was cut off, and says how many bytes are missing', async () => {
    expect(await refusal(smallFile.subarray(0, -5))).toBe(
      `FILE: expected a file of ${smallFile.length} bytes, got ${smallFile.length - 5} bytes: 5 bytes are missing. ` +
        'Download the file again.',
    )
  })

  test('is refused when bytes follow the last tensor', async () => {
    expect(await refusal(Buffer.concat([smallFile, Buffer.alloc(3)]))).toContain(
      '3 bytes after the last tensor',
    )
  })

  test('is refused when tensors overlap', async () => {
    const overlapping = { ...b, data_offsets: [20, 28] }
    expect(await refusalOf({ a, b: overlapping }, smallData.subarray(0, 28))).toBe(
      'FILE: "b".data_offsets: expected begin 24, got 20: tensors overlap.',
    )
    expect(await refusalOf({ a, same: a }, smallData.subarray(0, 24))).toContain('tensors overlap')
  })

  test('is refused when there is a gap, at the front too', async () => {
    const later = { ...b, data_offsets: [28, 36] }
    expect(await refusalOf({ a, b: later }, Buffer.alloc(36))).toContain(
      'got 28: bytes that belong to no tensor',
    )
    expect(await refusalOf({ b }, smallData)).toContain(
      'expected begin 0, got 24: bytes that belong to no tensor',
    )
  })
})
