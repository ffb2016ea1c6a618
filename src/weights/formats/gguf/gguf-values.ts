import { corrupt, downloadAgain, type OpenWeightsFile, readFully } from '../../weights-file.ts'

/** A value of a GGUF header. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[]

/** Bytes that a header may have: those of the largest vocabularies are 30 MB. */
const maxHeaderBytes = 256_000_000

/** Bytes that are read at a time. */
const windowBytes = 1 << 20

/** Arrays in arrays that a value may have. */
const maxDepth = 4

/**
 * Reads the header of a GGUF file from front to back. Every length is checked against what is left of the file before
 * memory is taken for it.
 */
export class GgufReader {
  readonly file: OpenWeightsFile
  #window: Buffer = Buffer.alloc(0)
  #start = 0
  #position = 0

  constructor(file: OpenWeightsFile) {
    this.file = file
  }

  get position(): number {
    return this.#position
  }

  /** Bytes of the file after the position. */
  get left(): number {
    return this.file.bytes - this.#position
  }

  /** @throws CheckpointError `checkpoint/corrupt` where the header ends before that, or is too long */
  async bytes(count: number, what: string): Promise<Buffer> {
    if (count > this.left) {
      const got = `a file that ends ${count - this.left} bytes before its end`
      throw corrupt(this.file.path, {
        expected: `${what} at byte ${this.#position}`,
        got,
        advice: downloadAgain,
      })
    }
    if (this.#position + count > maxHeaderBytes) {
      throw this.wrong(`a header of at most ${maxHeaderBytes} bytes`, 'a longer one')
    }
    const inside = this.#position - this.#start
    if (inside + count > this.#window.length) await this.#fill(count)
    const from = this.#position - this.#start
    this.#position += count
    return this.#window.subarray(from, from + count)
  }

  async #fill(count: number): Promise<void> {
    const window = Buffer.alloc(Math.min(Math.max(count, windowBytes), this.left))
    await readFully(this.file, window, this.#position)
    this.#window = window
    this.#start = this.#position
  }

  async u32(what: string): Promise<number> {
    return (await this.bytes(4, what)).readUInt32LE()
  }

  /** A 64-bit number of things that take at least `each` bytes of the file. */
  async count(what: string, each: number): Promise<number> {
    const value = (await this.bytes(8, what)).readBigUInt64LE()
    if (value * BigInt(each) <= BigInt(this.left)) return Number(value)
    throw this.wrong(`${what} that fits in the ${this.left} bytes that are left`, String(value))
  }

  async u64(what: string): Promise<bigint> {
    return (await this.bytes(8, what)).readBigUInt64LE()
  }

  async text(what: string): Promise<string> {
    const bytes = await this.bytes(await this.count(`the length of ${what}`, 1), what)
    // Vocabularies may hold pieces of characters.
    return bytes.toString('utf8')
  }

  async value(key: string, type: number, depth = 0): Promise<GgufValue> {
    const what = `the value of ${JSON.stringify(key)}`
    if (type === 8) return await this.text(what)
    if (type === 9) return await this.#array(key, depth)
    const scalar = scalars[type]
    if (!scalar) throw this.wrong(`a type of ${what} from 0 to 12`, String(type))
    return scalar.read(await this.bytes(scalar.bytes, what))
  }

  async #array(key: string, depth: number): Promise<GgufValue[]> {
    if (depth >= maxDepth) throw this.wrong(`up to ${maxDepth} arrays in each other`, 'more')
    const type = await this.u32(`the type of ${JSON.stringify(key)}`)
    const smallest = scalars[type]?.bytes ?? 8
    const length = await this.count(`the length of ${JSON.stringify(key)}`, smallest)
    const values: GgufValue[] = []
    for (let index = 0; index < length; index++) values.push(await this.value(key, type, depth + 1))
    return values
  }

  wrong(expected: string, got: string) {
    const subject = `${this.file.path} at byte ${this.#position}`
    return corrupt(subject, { expected, got, advice: downloadAgain })
  }
}

interface Scalar {
  readonly bytes: number
  read(bytes: Buffer): number | bigint | boolean
}

/** By their number in a file. */
const scalars: Readonly<Record<number, Scalar>> = {
  0: { bytes: 1, read: bytes => bytes.readUInt8() },
  1: { bytes: 1, read: bytes => bytes.readInt8() },
  2: { bytes: 2, read: bytes => bytes.readUInt16LE() },
  3: { bytes: 2, read: bytes => bytes.readInt16LE() },
  4: { bytes: 4, read: bytes => bytes.readUInt32LE() },
  5: { bytes: 4, read: bytes => bytes.readInt32LE() },
  6: { bytes: 4, read: bytes => bytes.readFloatLE() },
  7: { bytes: 1, read: bytes => bytes.readUInt8() !== 0 },
  10: { bytes: 8, read: bytes => bytes.readBigUInt64LE() },
  11: { bytes: 8, read: bytes => bytes.readBigInt64LE() },
  12: { bytes: 8, read: bytes => bytes.readDoubleLE() },
}
