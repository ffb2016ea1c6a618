/** Reads a bit string, most significant bit first. Past the end it gives zeros. */
export class BitReader {
  /** Index of the next bit. */
  position = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The next `count` bits (at most 32) as an unsigned number. */
  read(count: number): number {
    let value = 0
    for (let bit = 0; bit < count; bit++, this.position++) {
      value = value * 2 + (((this.#bytes[this.position >> 3] ?? 0) >> (7 - (this.position & 7))) & 1)
    }
    return value
  }

  skip(count: number): void {
    this.position += count
  }

  /** An Exp-Golomb coded number, ue(v) of ITU-T H.264, 9.1. */
  readExpGolomb(): number {
    let zeros = 0
    while (zeros < 32 && this.read(1) === 0) zeros++
    return 2 ** zeros - 1 + this.read(zeros)
  }
}

/** A field of a bit string: an unsigned value and its width in bits. */
export type BitField = readonly [value: number, bits: number]

/** A copy of a bit string with `removed` bits at `position` replaced by fields; the end is padded with zeros. */
export function spliceBits(
  bytes: Uint8Array,
  position: number,
  removed: number,
  fields: readonly BitField[],
): Uint8Array {
  const inserted = fields.flatMap(([value, bits]) =>
    Array.from({ length: bits }, (_, bit) => (value >> (bits - 1 - bit)) & 1),
  )
  const reader = new BitReader(bytes)
  const length = bytes.length * 8 - removed + inserted.length
  const result = new Uint8Array(Math.ceil(length / 8))
  for (let at = 0; at < length; at++) {
    const fresh = inserted[at - position]
    if (at === position) reader.skip(removed)
    const bit = fresh ?? reader.read(1)
    result[at >> 3] = result[at >> 3]! | (bit << (7 - (at & 7)))
  }
  return result
}
