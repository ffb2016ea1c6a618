/** ZIP archives of files that are compressed already (PKWARE APPNOTE 6.3.10): stored as they are, and sent while they are made. */

export interface ZippedFile {
  /** ASCII. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** What an archive without the 64-bit extension can hold. */
export const zipLimits = { files: 65_535, bytes: 2 ** 32 - 1 } as const

const localSignature = 0x04034b50
const centralSignature = 0x02014b50
const endSignature = 0x06054b50

/** 1980-01-01 00:00, the first time that the format knows: the same files give the same bytes. */
const noTime = { time: 0, date: 33 } as const
const version = 20
/** A file of Unix that its owner writes and everybody reads. */
const madeBy = (3 << 8) | version
const attributes = (0o100644 << 16) >>> 0

/** The archive in parts, of files that come one after the other. @throws RangeError beyond `zipLimits` */
export async function* zip(files: AsyncIterable<ZippedFile>): AsyncGenerator<Uint8Array> {
  const directory: Buffer[] = []
  let offset = 0
  for await (const { name, bytes } of files) {
    const fields = fileFields(name, bytes)
    const local = Buffer.concat([uint32(localSignature), fields, Buffer.from(name)])
    // Comment, disk and internal attributes: none.
    const rest = Buffer.concat([Buffer.alloc(6), uint32(attributes), uint32(offset)])
    directory.push(Buffer.concat([uint32(centralSignature), uint16(madeBy), fields, rest, Buffer.from(name)]))
    offset += local.length + bytes.length
    if (directory.length > zipLimits.files || offset > zipLimits.bytes)
      throw new RangeError('too much for a ZIP archive')
    yield local
    yield bytes
  }
  const central = Buffer.concat(directory)
  const count = uint16(directory.length)
  yield central
  yield Buffer.concat([
    uint32(endSignature),
    Buffer.alloc(4),
    count,
    count,
    uint32(central.length),
    uint32(offset),
    Buffer.alloc(2),
  ])
}

/** What both headers of a file have, from the version that is needed to the length of the extra field. */
function fileFields(name: string, bytes: Uint8Array): Buffer {
  const size = uint32(bytes.length)
  return Buffer.concat([
    uint16(version),
    Buffer.alloc(4), // Flags and method: stored.
    uint16(noTime.time),
    uint16(noTime.date),
    uint32(crc32(bytes)),
    size,
    size,
    uint16(name.length),
    Buffer.alloc(2),
  ])
}

const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** Of ISO 3309. Node's own, `zlib.crc32`, is newer than the oldest Node that this runs on. */
function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) value = (value >>> 8) ^ remainders[(value ^ byte) & 255]!
  return (value ^ 0xffffffff) >>> 0
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
