/** A protocol buffers message, written field by field. https://protobuf.dev/programming-guides/encoding/ */
export class ProtobufMessage {
  #bytes = Buffer.allocUnsafe(1024)
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
    const start = this.#begin(field)
    for (const value of values) this.#varint(value)
    return this.#end(start)
  }

  /** A number in 32 bits. */
  float(field: number, value: number): this {
    this.#tag(field, wireTypes.fixed32)
    const at = this.#grow(4)
    this.#bytes.writeFloatLE(value, at)
    return this
  }

  text(field: number, value: string): this {
    const start = this.#begin(field)
    const at = this.#grow(value.length)
    if (!this.#writeAscii(value, at)) {
      this.#grow(Buffer.byteLength(value) - value.length)
      this.#bytes.write(value, at)
    }
    return this.#end(start)
  }

  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, wireTypes.lengthDelimited)
    this.#varint(value.length)
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /** A message in this one. @param write writes its fields to this one */
  message(field: number, write: (message: this) => void): this {
    const start = this.#begin(field)
    write(this)
    return this.#end(start)
  }

  /** Its bytes, which are no copy. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Leaves a byte for the length of what follows. @returns where that begins */
  #begin(field: number): number {
    this.#tag(field, wireTypes.lengthDelimited)
    return this.#grow(1) + 1
  }

  /** Writes the length of what is there since `start`, which is moved on where that takes more than a byte. */
  #end(start: number): this {
    const length = this.#length - start
    let more = 0
    for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 0x80)) more++
    this.#grow(more)
    if (more > 0) this.#bytes.copyWithin(start + more, start, start + length)
    const end = this.#length
    this.#length = start - 1
    this.#varint(length)
    this.#length = end
    return this
  }

  /** @returns whether all characters are one byte each; the others are not written */
  #writeAscii(value: string, at: number): boolean {
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) return false
      this.#bytes[at + index] = code
    }
    return true
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
