/** The data of the first chunk of a type that a PNG has before its pixels; undefined for none, or for another file. */
export function pngChunk(file: Uint8Array, type: string): Buffer | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  if (bytes.toString('latin1', 1, 4) !== 'PNG') return undefined
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at)
    const found = bytes.toString('latin1', at + 4, at + 8)
    if (found === type) return bytes.subarray(at + 8, end)
    if (found === 'IDAT') return undefined
    at = end + 4
  }
  return undefined
}

/** Pictures of a PNG: those of an animated one are in its chunk `acTL` (PNG, third edition, 11.3.6.1). */
export function pngFrames(file: Uint8Array): number {
  const control = pngChunk(file, 'acTL')
  return control !== undefined && control.length >= 4 ? control.readUInt32BE(0) : 1
}
