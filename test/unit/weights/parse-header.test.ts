import { describe, expect, test } from 'vitest'
import { CheckpointError, type ErrorCode } from '../../../src/errors.ts'
import { parseHeader } from '../../../src/weights/parse-header.ts'
import type { SafetensorsFile } from '../../../src/weights/safetensors.ts'
import { headerOf, smallData, smallMembers } from './safetensors-bytes.ts'

/** What a file of this header and so many bytes of data is read as. */
function parsed(text: string, dataBytes: number): SafetensorsFile {
  const dataStart = 8 + Buffer.byteLength(text)
  return parseHeader({ path: 'FILE', text, dataStart, fileBytes: dataStart + dataBytes })
}

/** The message with which that is refused. */
function refusal(
  text: string,
  dataBytes: number = smallData.length,
  code: ErrorCode = 'checkpoint/corrupt',
): string {
  try {
    parsed(text, dataBytes)
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error
    expect(error.code).toBe(code)
    return error.message
  }
  throw new Error('expected an error, got none')
}

function refusalOf(members: Readonly<Record<string, unknown>>, dataBytes?: number): string {
  return refusal(headerOf(members), dataBytes)
}

const { a, b, c } = smallMembers

describe('a header', () => {
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
  ])('is refused when it is %s', (_, text) => {
    expect(refusal(text)).toMatch(/^FILE: expected a JSON object as its header, got /)
  })

  test('is refused when a key comes twice, whether spelled alike or not', () => {
    const entry = JSON.stringify(a)
    expect(refusal(`{"a":${entry},"a":${entry}}`)).toContain('key "a" comes twice')
    expect(refusal(`{"a":${entry},"\\u0061":${entry}}`)).toContain('comes twice')
    const doubled = `{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24],"shape":[6]}}`
    expect(refusal(doubled)).toContain('"shape" comes twice')
  })

  test('is refused with a __proto__ key, and pollutes nothing', () => {
    const entry = `{"__proto__":{"polluted":true},"dtype":"F32"}`
    expect(refusal(`{"__proto__":${entry}}`)).toContain('"__proto__" is not allowed')
    expect(refusal(`{"a":${entry}}`)).toContain('"__proto__" is not allowed')
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  test('may call tensors like members of an object', () => {
    const members = { constructor: a, toString: b, hasOwnProperty: c }
    const { tensors } = parsed(headerOf(members), smallData.length)
    expect([...tensors.keys()]).toEqual(['constructor', 'toString', 'hasOwnProperty'])
  })

  test('is refused when metadata are not strings', () => {
    expect(refusalOf({ ...smallMembers, __metadata__: { n: 1 } })).toBe(
      'FILE: __metadata__["n"]: expected a string, got 1. Download the file again.',
    )
    expect(refusalOf({ ...smallMembers, __metadata__: [] })).toContain(
      'expected an object of strings, got []',
    )
  })
})

describe('a tensor of a header', () => {
  test('is refused when its entry is not an object of the three fields', () => {
    expect(refusalOf({ a: 1 })).toContain(
      'FILE: "a": expected an object with dtype, shape, data_offsets, got 1.',
    )
    expect(refusalOf({ a: { ...a, extra: 1 } })).toContain(
      'FILE: "a": expected only dtype, shape, data_offsets',
    )
    expect(refusalOf({ a: { shape: [2, 3], data_offsets: [0, 24] } })).toMatch(
      /FILE: "a".dtype: .* got nothing/,
    )
    expect(refusalOf({ a: { dtype: 'F32', data_offsets: [0, 24] } })).toMatch(
      /FILE: "a".shape: .* got nothing/,
    )
    expect(refusalOf({ a: { dtype: 'F32', shape: [6] } })).toMatch(/FILE: "a".data_offsets: .* got nothing/)
  })

  test.each(['C64', 'f32', '', 'constructor', 32, null, ['F32']])(
    'is refused when its dtype is %j',
    dtype => {
      expect(refusalOf({ ...smallMembers, a: { ...a, dtype } })).toMatch(
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
  ])('is refused when its shape is %j', shape => {
    expect(refusalOf({ ...smallMembers, a: { ...a, shape } })).toMatch(
      /^FILE: "a".shape: expected a list of at most 64 non-negative integers, got /,
    )
  })

  test.each([['F4', 'NVFP4 or MXFP4']])('is refused as quantised when its dtype is %s', (dtype, kind) => {
    const text = headerOf({ a: { dtype, shape: [6], data_offsets: [0, 6] } })
    expect(refusal(text, 6, 'checkpoint/tensors')).toBe(
      `FILE: "a": expected plain floats or whole numbers, got ${dtype}, of ${kind} weights. Use the weights that were not quantised.`,
    )
  })

  test('is refused when the product of its dims is no exact integer, even with a zero dim behind', () => {
    for (const shape of [
      [2 ** 30, 2 ** 30],
      [2 ** 52, 2 ** 52, 0],
    ]) {
      expect(refusalOf({ ...smallMembers, a: { ...a, shape } })).toContain('expected fewer than 2^53 bytes')
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
  ])('is refused when its offsets are %j', data_offsets => {
    expect(refusalOf({ ...smallMembers, a: { ...a, data_offsets } })).toMatch(
      /^FILE: "a".data_offsets: expected \[begin, end\] as non-negative integers, got /,
    )
  })

  test('is refused when its offsets do not fit its shape', () => {
    expect(refusalOf({ ...smallMembers, a: { ...a, data_offsets: [24, 0] } })).toContain(
      'expected begin ≤ end',
    )
    expect(refusalOf({ ...smallMembers, a: { ...a, data_offsets: [0, 20] } })).toBe(
      'FILE: "a".data_offsets: expected 24 bytes for f32 [2, 3], got 20 bytes: [0, 20]. Download the file again.',
    )
  })
})

describe('the data of a file', () => {
  test('is refused when the download was cut off, and says how many bytes are missing', () => {
    const whole = 8 + headerOf(smallMembers).length + smallData.length
    expect(refusalOf(smallMembers, 27)).toBe(
      `FILE: expected a file of ${whole} bytes, got ${whole - 5} bytes: 5 bytes are missing. Download the file again.`,
    )
  })

  test('is refused when bytes follow the last tensor', () => {
    expect(refusalOf(smallMembers, 35)).toContain('3 bytes after the last tensor')
  })

  test('is refused when tensors overlap', () => {
    const overlapping = { ...b, data_offsets: [20, 28] }
    expect(refusalOf({ a, b: overlapping }, 28)).toBe(
      'FILE: "b".data_offsets: expected begin 24, got 20: tensors overlap. Download the file again.',
    )
    expect(refusalOf({ a, same: a }, 24)).toContain('tensors overlap')
  })

  test('is refused when there is a gap, at the front too', () => {
    const later = { ...b, data_offsets: [28, 36] }
    expect(refusalOf({ a, b: later }, 36)).toContain('got 28: bytes that belong to no tensor')
    expect(refusalOf({ b }, smallData.length)).toContain(
      'expected begin 0, got 24: bytes that belong to no tensor',
    )
  })
})
