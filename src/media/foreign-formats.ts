/** A format that is known by name and not read. */
export interface ForeignFormat {
  readonly name: string
  readonly advice: string
}

const asPicture = 'Save it as JPEG or PNG.'
const asVideo = 'Convert it, for example: ffmpeg -i clip clip.mp4'

/** Brands of the high efficiency image format (ISO/IEC 23008-12): HEVC pictures and sequences, then any codec. */
const hevcBrands = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs'])
const heifBrands = new Set(['mif1', 'mif2', 'msf1'])

const signatures: readonly (readonly [offset: number, bytes: string, name: string, advice: string])[] = [
  [0, 'BM', 'a BMP picture', asPicture],
  [0, 'II*\0', 'a TIFF or raw picture', asPicture],
  [0, 'MM\0*', 'a TIFF or raw picture', asPicture],
  [4, 'ftypcrx ', 'a raw picture (CR3)', asPicture],
  [4, 'jP  ', 'a JPEG 2000 picture', asPicture],
  [4, 'JXL ', 'a JPEG XL picture', asPicture],
  [0, '\xff\x0a', 'a JPEG XL picture', asPicture],
  [0, '8BPS', 'a Photoshop picture', asPicture],
  [8, 'AVI ', 'an AVI video', asVideo],
  [0, 'FLV', 'an FLV video', asVideo],
  [0, 'OggS', 'an Ogg file', asVideo],
  [0, '\x30\x26\xb2\x75', 'a WMV video', asVideo],
  [0, '\0\0\x01\xba', 'an MPEG program stream', asVideo],
]

/** The name of a format that is not read, by the first bytes of a file; undefined for others. */
export function foreignFormat(head: Buffer): ForeignFormat | undefined {
  const brands = brandsOf(head)
  if (brands.some(brand => hevcBrands.has(brand))) return { name: 'a HEIC picture', advice: asPicture }
  if (brands.some(brand => heifBrands.has(brand))) return { name: 'a HEIF picture', advice: asPicture }
  const text = head.toString('latin1')
  const [, , name, advice] = signatures.find(([offset, bytes]) => text.startsWith(bytes, offset)) ?? []
  if (name !== undefined && advice !== undefined) return { name, advice }
  const transport = head.length > 188 && head[0] === 0x47 && head[188] === 0x47
  return transport ? { name: 'an MPEG transport stream', advice: asVideo } : undefined
}

/** The brands of a file type box at the start of a file (ISO/IEC 14496-12, 4.3), the major one first. */
export function brandsOf(head: Buffer): string[] {
  if (head.toString('latin1', 4, 8) !== 'ftyp') return []
  const end = Math.min(head.length, head.readUInt32BE(0))
  const brands = [head.toString('latin1', 8, 12)]
  for (let at = 16; at + 4 <= end; at += 4) brands.push(head.toString('latin1', at, at + 4))
  return brands
}
