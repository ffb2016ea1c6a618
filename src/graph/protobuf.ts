/** A protocol buffers message, written field by field. https://protobuf.dev/programming-guides/encoding/ */
export class ProtobufMessage {
  #bytes = Buffer.allocUnsafe(64)
  #length = 0

  /** A whole number of up to 64 bits, negative ones in two's complement. */
  int(field: number, value: number): this {
    this.#tag(field, wireTypes.varint)
    this.#varint(value)
    return this
  }

  /** Whole numbers, packed; nothing for none. */
  ints(field: number, values: readonly number[]): this {
    if (values.length === 0) return this
    const packed = new ProtobufMessage()
    for (const value of values) packed.#varint(value)
    return this.bytes(field, packed.finish())
  }

  /** A number in 32 bits. */
  float(field: number, value: number): this {
    this.#tag(field, wireTypes.fixed32)
    const at = this.#grow(4)
    this.#bytes.writeFloatLE(value, at)
    return this
  }

  text(field: number, value: string): this {
    const length = Buffer.byteLength(value)
    this.#tag(field, wireTypes.lengthDelimited)
    this.#varint(length)
    const at = this.#grow(length)
    this.#bytes.write(value, at)
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, wireTypes.lengthDelimited)
    this.#varint(value.length)
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /** The same field once for each message. */
  messages(field: number, values: readonly ProtobufMessage[]): this {
    for (const value of values) this.bytes(field, value.finish())
    return this
  }

  /** Its bytes, which are no copy. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #tag(field: number, wireType: number): void {
    this.#varint(8 * field + wireType)
  }

  /** Seven bits a byte, the lowest first. */
  #varint(value: number): void {
    if (value < 0 || value > maxInt31) {
      let long = BigInt.asUintN(64, BigInt(value))
      for (; long > 0x7fn; long >>= 7n) this.#byte(Number(long & 0x7fn) | 0x80)
      this.#byte(Number(long))
      return
    }
    let rest = value
    for (; rest > 0x7f; rest >>= 7) this.#byte((rest & 0x7f) | 0x80)
    this.#byte(rest)
  }

  #byte(value: number): void {
    const at = this.#grow(1)
    this.#bytes[at] = value
  }

  /** @returns where the new bytes begin */
  #grow(count: number): number {
    const start = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, 2 * this.#bytes.length))
      this.#bytes.copy(larger, 0, 0, start)
      this.#bytes = larger
    }
    return start
  }
}

/** The largest number that operators on bits take as it is. */
const maxInt31 = 2 ** 31 - 1

const wireTypes = { varint: 0, lengthDelimited: 2, fixed32: 5 } as const
