/**
 * Cuts a CUDA library to the code of one architecture. The library keeps its size and structure: the code of the others
 * becomes zeros, of which compression leaves nothing.
 */

/** First bytes of a fat binary (NVIDIA, fatbinary.h): magic, version 1, header of 16 bytes, bytes of all entries. */
const magic = Buffer.from([0x50, 0xed, 0x55, 0xba])
const headerBytes = 16

/** Kinds of entries: 1 for PTX, which a driver would compile, 2 for code. */
const ptx = 1
const code = 2

export interface SlimReport {
  readonly keptBytes: number
  readonly cutBytes: number
}

/**
 * Zeroes what is not code of an architecture, in place.
 * @param architecture compute capability, 90 for 9.0
 * @throws Error for a library that has no code of it
 */
export function slimLibrary(library: Buffer, architecture: number): SlimReport {
  let keptBytes = 0
  let cutBytes = 0
  for (let at = library.indexOf(magic); at >= 0; at = library.indexOf(magic, at + 4)) {
    const end = fatBinaryEnd(library, at)
    for (let entry = at + headerBytes; end !== undefined && entry + 64 <= end; ) {
      const kind = library.readUInt16LE(entry)
      const start = entry + library.readUInt32LE(entry + 4)
      const bytes = Number(library.readBigUInt64LE(entry + 8))
      if ((kind !== ptx && kind !== code) || start <= entry || start + bytes > end) break
      if (kind === code && library.readUInt32LE(entry + 28) === architecture) keptBytes += bytes
      else {
        library.fill(0, start, start + bytes)
        cutBytes += bytes
      }
      entry = start + bytes
    }
  }
  if (keptBytes === 0) throw new Error(`library: expected code for sm_${architecture}, got none.`)
  return { keptBytes, cutBytes }
}

/** Where the entries of a fat binary end; undefined for bytes that only look like one. */
function fatBinaryEnd(library: Buffer, at: number): number | undefined {
  if (at + headerBytes > library.length) return undefined
  if (library.readUInt16LE(at + 4) !== 1 || library.readUInt16LE(at + 6) !== headerBytes) return undefined
  const end = at + headerBytes + Number(library.readBigUInt64LE(at + 8))
  return end <= library.length ? end : undefined
}
