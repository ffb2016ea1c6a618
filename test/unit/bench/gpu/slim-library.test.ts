import { expect, test } from 'vitest'
import { slimLibrary } from '../../../../bench/gpu/slim-library.ts'

const kinds = { ptx: 1, code: 2 }

/** An entry of a fat binary: 64 bytes of header, then so many bytes of a value. */
function entry(kind: keyof typeof kinds, architecture: number, value: number, bytes = 128): Buffer {
  const header = Buffer.alloc(64)
  header.writeUInt16LE(kinds[kind], 0)
  header.writeUInt32LE(64, 4)
  header.writeBigUInt64LE(BigInt(bytes), 8)
  header.writeUInt32LE(architecture, 28)
  return Buffer.concat([header, Buffer.alloc(bytes, value)])
}

function fatBinary(...entries: Buffer[]): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32LE(0xba55ed50, 0)
  header.writeUInt16LE(1, 4)
  header.writeUInt16LE(16, 6)
  header.writeBigUInt64LE(BigInt(entries.reduce((sum, each) => sum + each.length, 0)), 8)
  return Buffer.concat([header, ...entries])
}

const around = Buffer.alloc(40, 7)

test('code of one architecture stays, the rest becomes zeros, and nothing moves', () => {
  const first = fatBinary(entry('code', 80, 1), entry('code', 90, 2), entry('ptx', 90, 3))
  const second = fatBinary(entry('code', 90, 4), entry('code', 100, 5))
  const library = Buffer.concat([around, first, around, second, around])
  const length = library.length
  expect(slimLibrary(library, 90)).toEqual({ keptBytes: 256, cutBytes: 384 })
  expect(library.length).toBe(length)
  const counts = [1, 2, 3, 4, 5].map(value => library.filter(byte => byte === value).length)
  expect([counts[1]! >= 128, counts[3]! >= 128]).toEqual([true, true])
  expect(library.includes(Buffer.alloc(64, 1))).toBe(false)
  expect(library.includes(Buffer.alloc(64, 3))).toBe(false)
  expect(library.includes(Buffer.alloc(64, 5))).toBe(false)
  expect(library.subarray(0, 40)).toEqual(around)
  expect(library.subarray(-40)).toEqual(around)
})

test('bytes that only look like a fat binary are left alone', () => {
  const alike = Buffer.concat([Buffer.from([0x50, 0xed, 0x55, 0xba]), Buffer.alloc(60, 9)])
  const cut = fatBinary(entry('code', 90, 2)).subarray(0, 100)
  const library = Buffer.concat([alike, fatBinary(entry('code', 90, 2)), cut])
  const before = Buffer.from(library)
  slimLibrary(library, 90)
  expect(library).toEqual(before)
})

test('a library without code of the architecture is refused', () => {
  expect(() => slimLibrary(fatBinary(entry('code', 80, 1)), 90)).toThrow(
    'library: expected code for sm_90, got none.',
  )
})
