import { type BitField, BitReader, spliceBits } from './bits.ts'

const sequenceHeader = 1

/** color_description_present, then BT.709 primaries, transfer and matrix (AV1 bitstream specification, 5.5.2). */
const colourDescription: readonly BitField[] = [
  [1, 1],
  [1, 8],
  [1, 8],
  [1, 8],
]

/**
 * Marks the sequence header in a packet of AV1 as BT.709. A packet is a chain of OBUs (5.3), each with its size;
 * color_range, which follows the description, is 0 for limited range as it comes from the encoder.
 */
export function tagAv1Packet(packet: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  let at = 0
  while (at < packet.length) {
    const header = packet[at]!
    if (!(header & 2)) throw new Error('AV1: units without a size are not understood')
    const headerEnd = at + (header & 4 ? 2 : 1)
    const size = readLeb128(packet, headerEnd)
    const end = size.end + size.value
    if (((header >> 3) & 15) === sequenceHeader) {
      const tagged = tagSequenceHeader(packet.subarray(size.end, end))
      parts.push(packet.subarray(at, headerEnd), leb128(tagged.length), tagged)
    } else {
      parts.push(packet.subarray(at, end))
    }
    at = end
  }
  return Buffer.concat(parts)
}

function tagSequenceHeader(payload: Uint8Array): Uint8Array {
  const reader = new BitReader(payload)
  const profile = reader.read(3)
  reader.skip(1) // still_picture
  const reduced = reader.read(1) === 1
  if (reduced) reader.skip(5)
  else skipOperatingPoints(reader)
  const widthBits = reader.read(4) + 1
  const heightBits = reader.read(4) + 1
  reader.skip(widthBits + heightBits)
  if (!reduced && reader.read(1)) reader.skip(7) // frame ids
  reader.skip(3) // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
  if (!reduced) skipTools(reader)
  reader.skip(3) // enable_superres, enable_cdef, enable_restoration
  const deep = reader.read(1) === 1
  if (profile === 2 && deep) reader.skip(1)
  if (profile !== 1) reader.skip(1) // mono_chrome
  const start = reader.position
  if (reader.read(1)) reader.skip(24)
  return spliceBits(payload, start, reader.position - start, colourDescription)
}

function skipOperatingPoints(reader: BitReader): void {
  if (reader.read(1)) throw new Error('AV1: timing information is not understood')
  const delays = reader.read(1)
  const points = reader.read(5) + 1
  for (let point = 0; point < points; point++) {
    reader.skip(12) // operating_point_idc
    if (reader.read(5) > 7) reader.skip(1) // seq_level_idx, seq_tier
    if (delays && reader.read(1)) reader.skip(4)
  }
}

function skipTools(reader: BitReader): void {
  reader.skip(4) // interintra, masked compound, warped motion, dual filter
  const ordered = reader.read(1)
  if (ordered) reader.skip(2) // jnt_comp, ref_frame_mvs
  const forced = reader.read(1) ? 2 : reader.read(1) // seq_choose_screen_content_tools
  if (forced > 0 && reader.read(1) === 0) reader.skip(1) // seq_choose_integer_mv
  if (ordered) reader.skip(3) // order_hint_bits
}

function readLeb128(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0
  let at = start
  for (let shift = 0; shift < 35; shift += 7, at++) {
    const byte = bytes[at] ?? 0
    value += (byte & 0x7f) * 2 ** shift
    if (!(byte & 0x80)) break
  }
  return { value, end: at + 1 }
}

function leb128(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; bytes.length === 0 || rest > 0; rest >>= 7)
    bytes.push(rest > 127 ? (rest & 127) | 128 : rest)
  return Uint8Array.from(bytes)
}
