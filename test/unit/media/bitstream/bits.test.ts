import { expect, it } from 'vitest'
import { BitReader, spliceBits } from '../../../../src/media/bitstream/bits.ts'

it('reads bits from the most significant on, and zeros past the end', () => {
  const reader = new BitReader(Uint8Array.of(0b1010_0001, 0xff))
  expect([reader.read(3), reader.read(5), reader.read(8), reader.read(8)]).toEqual([0b101, 1, 255, 0])
})

it('reads Exp-Golomb numbers as in H.264, table 9-1', () => {
  // 1, 010, 011, 00100, 00111, 0001000
  const reader = new BitReader(Uint8Array.of(0b1010_0110, 0b0100_0011, 0b1000_1000))
  expect(Array.from({ length: 6 }, () => reader.readExpGolomb())).toEqual([0, 1, 2, 3, 6, 7])
})

it('replaces bits in the middle and moves the rest', () => {
  const spliced = spliceBits(Uint8Array.of(0b1111_0000, 0b1010_1010), 4, 2, [
    [0b101, 3],
    [0b11111111, 8],
  ])
  // 1111 | 101 11111111 | 00 1010 1010, padded with zeros to 24 bits.
  expect(Array.from(spliced)).toEqual(
    [0b1111_1011, 0b1111_1110, 0b0101_0101, 0b0000_0000].slice(0, spliced.length),
  )
  expect(spliced.length).toBe(4)
})
