/** Colours that a picture names by code points of ITU-T H.273 (CICP) and not by a profile. */
import { pngChunk } from './png-chunks.ts'
import { linear, srgb } from './srgb-curve.ts'

export interface CodedColours {
  /** ColourPrimaries, table 2. */
  readonly primaries: number
  /** TransferCharacteristics, table 3. */
  readonly transfer: number
}

/** The code points of a PNG (chunk `cICP`) or an AVIF (`colr` box of type `nclx`); undefined where there are none. */
export function codedColours(file: Uint8Array): CodedColours | undefined {
  const code = pngChunk(file, 'cICP')
  if (code !== undefined && code.length >= 2) return { primaries: code[0]!, transfer: code[1]! }
  return ofAvif(Buffer.from(file.buffer, file.byteOffset, file.byteLength))
}

/** Bytes in which the properties of an AVIF are looked for: its data follows them. */
const propertyBytes = 2 ** 16

function ofAvif(bytes: Buffer): CodedColours | undefined {
  if (bytes.toString('latin1', 4, 8) !== 'ftyp') return undefined
  const at = bytes.subarray(0, propertyBytes).indexOf('colrnclx', 0, 'latin1')
  if (at < 0 || at + 12 > bytes.length) return undefined
  return { primaries: bytes.readUInt16BE(at + 8), transfer: bytes.readUInt16BE(at + 10) }
}

type Matrix = readonly (readonly [red: number, green: number, blue: number])[]

/** To linear sRGB, rows of red, green and blue (CSS Color 4, section 19; all have the white point D65). */
const toSrgb: Readonly<Record<number, Matrix>> = {
  // BT.2020
  9: [
    [1.6604910021084345, -0.5876411387885495, -0.072849863319885],
    [-0.1245504745215907, 1.1328998971259603, -0.0083494226043695],
    [-0.0181507633549053, -0.1005788980080074, 1.1187296613629127],
  ],
  // Display P3
  12: [
    [1.2249401762805598, -0.2249401762805598, 0],
    [-0.0420569547096881, 1.0420569547096881, 0],
    [-0.0196375545903344, -0.0786360455506319, 1.0982736001409663],
  ],
}

/** BT.709 and what is not marked, and curves that are taken for sRGB's as in browsers. */
const plainPrimaries: readonly number[] = [1, 2]
const plainTransfers: readonly number[] = [1, 2, 6, 13, 14, 15]

/** What cannot be brought to sRGB here, for messages; undefined for colours that can. */
export function unreadColours({ primaries, transfer }: CodedColours): string | undefined {
  if (!plainTransfers.includes(transfer)) return `the transfer function ${transfers[transfer] ?? transfer}`
  if (plainPrimaries.includes(primaries) || toSrgb[primaries]) return undefined
  return `the primaries ${primaries}`
}

const transfers: Readonly<Record<number, string>> = { 8: 'linear', 16: 'PQ', 18: 'HLG' }

/**
 * Brings colours to sRGB, in place. What sRGB cannot show is cut to what it can, as with a profile.
 * @param rgb [n, 3]
 */
export function bringToSrgb(rgb: Uint8Array, { primaries, transfer }: CodedColours): void {
  const matrix = plainTransfers.includes(transfer) ? toSrgb[primaries] : undefined
  if (!matrix) return
  for (let at = 0; at < rgb.length; at += 3) {
    const [red, green, blue] = [linear(rgb[at]!), linear(rgb[at + 1]!), linear(rgb[at + 2]!)]
    for (const [channel, [ofRed, ofGreen, ofBlue]] of matrix.entries())
      rgb[at + channel] = srgb(ofRed * red + ofGreen * green + ofBlue * blue)
  }
}
