import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CheckpointError } from '../../../../src/errors.ts'
import { readTensorFile } from '../../../../src/weights/formats/read-tensor-file.ts'
import { fixture } from '../../../fixtures.ts'
import { failure, scratchFolder } from '../../../scratch.ts'

const scratch = scratchFolder()
/** More with, for example, `DAMAGED_FILES=100000`. */
const runs = Number(process.env.DAMAGED_FILES ?? 300)

const file = (bytes: Uint8Array) => {
  const path = join(scratch, 'damaged')
  writeFileSync(path, bytes)
  return path
}

/** Numbers that lengths and offsets are often wrong by. */
const numbers = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 60n, 2n ** 64n - 1n]

const damage = (size: number) =>
  fc.oneof(
    fc.record({ at: fc.nat(size - 1), byte: fc.nat(255) }).map(({ at, byte }) => (bytes: Buffer) => {
      bytes[at] = byte
      return bytes
    }),
    fc
      .record({ at: fc.nat(size - 9), number: fc.constantFrom(...numbers) })
      .map(({ at, number }) => (bytes: Buffer) => {
        bytes.writeBigUInt64LE(number, at)
        return bytes
      }),
    fc.nat(size).map(end => (bytes: Buffer) => bytes.subarray(0, end)),
  )

describe.each([
  ['blocks.gguf', 2000],
  ['layers.safetensors', 10_000],
])('%s, damaged at random', (name, headerBytes) => {
  const whole = readFileSync(fixture(`formats-modules/${name}`))
  test('is read or refused with an error of this package, in little memory', async () => {
    const before = process.memoryUsage.rss()
    await fc.assert(
      fc.asyncProperty(fc.array(damage(headerBytes), { minLength: 1, maxLength: 3 }), async damages => {
        const bytes = damages.reduce<Buffer>(
          (each, apply) => (each.length < headerBytes ? each : apply(each)),
          Buffer.from(whole),
        )
        const result = await readTensorFile(file(bytes)).catch((error: unknown) => error)
        if (result instanceof Error) expect(result).toBeInstanceOf(CheckpointError)
      }),
      { numRuns: runs, seed: 1 },
    )
    expect(process.memoryUsage.rss() - before).toBeLessThan(400e6)
  })
})

describe('a GGUF file', () => {
  const header = (tensors: bigint, values: bigint, ...rest: Uint8Array[]) => {
    const start = Buffer.alloc(24)
    start.write('GGUF')
    start.writeUInt32LE(3, 4)
    start.writeBigUInt64LE(tensors, 8)
    start.writeBigUInt64LE(values, 16)
    return Buffer.concat([start, ...rest])
  }
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return bytes
  }
  const u64 = (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(value)
    return bytes
  }
  const text = (value: string) => Buffer.concat([u64(BigInt(value.length)), Buffer.from(value)])
  const entry = (key: string, dims: bigint[], type: number, offset: bigint) =>
    Buffer.concat([text(key), u32(dims.length), ...dims.map(u64), u32(type), u64(offset)])
  const padded = (bytes: Buffer, data: number) =>
    Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32), Buffer.alloc(data)])

  test.each<[string, Buffer, RegExp]>([
    ['of more tensors than fit', header(2n ** 60n, 0n), /expected a number of tensors that fits/],
    ['of more values than fit', header(0n, 2n ** 60n), /expected a number of values that fits/],
    [
      'with a text of 2^60 bytes',
      header(0n, 1n, u64(2n ** 60n), Buffer.alloc(13)),
      /length of the key of a value/,
    ],
    [
      'of another version',
      Buffer.concat([Buffer.from('GGUF'), u32(9), Buffer.alloc(16)]),
      /expected version 2 or 3, got 9/,
    ],
    [
      'in the other byte order',
      Buffer.concat([Buffer.from('GGUF'), Buffer.of(0, 0, 0, 3), Buffer.alloc(16)]),
      /big-endian/,
    ],
    [
      'with an alignment of 0',
      padded(header(0n, 1n, text('general.alignment'), u32(4), u32(0)), 0),
      /general\.alignment from 1/,
    ],
    [
      'with a dimension that overflows',
      padded(header(1n, 0n, entry('a', [2n ** 60n], 0, 0n)), 64),
      /dimensions of "a" that fit/,
    ],
    [
      'with a tensor outside',
      padded(header(1n, 0n, entry('a', [4n], 0, 3200n)), 64),
      /"a" in the file|16 bytes from byte/,
    ],
    [
      'with tensors that overlap',
      padded(header(2n, 0n, entry('a', [16n], 0, 0n), entry('b', [16n], 0, 32n)), 128),
      /overlap/,
    ],
    [
      'with an odd offset',
      padded(header(1n, 0n, entry('a', [4n], 0, 1n)), 64),
      /an offset that 32 divides, got 1/,
    ],
    [
      'of a type that is not read',
      padded(header(1n, 0n, entry('a', [256n], 21, 0n)), 256),
      /got IQ3_S\. .*Q4_K_M/,
    ],
    [
      'of rows that are no whole blocks',
      padded(header(1n, 0n, entry('a', [33n], 8, 0n)), 64),
      /whole Q8_0 blocks of 32, got rows of 33/,
    ],
    [
      'with a name twice',
      padded(header(2n, 0n, entry('a', [4n], 0, 0n), entry('a', [4n], 0, 32n)), 64),
      /"a" twice/,
    ],
  ])('%s is refused', async (_, bytes, message) => {
    expect((await failure(readTensorFile(file(bytes)))).message).toMatch(message)
  })
})
