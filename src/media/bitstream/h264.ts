import { type BitField, BitReader, spliceBits } from './bits.ts'

/** BT.709 primaries, transfer and matrix: each is 1 in ITU-T H.273. */
const bt709: readonly BitField[] = [
  [1, 8],
  [1, 8],
  [1, 8],
]

/** video_signal_type_present, video_format (unspecified), full range (no), colour_description_present. */
const videoSignal: readonly BitField[] = [[1, 1], [5, 3], [0, 1], [1, 1], ...bt709]

/**
 * Marks an H.264 stream as BT.709, limited range: the sequence parameter set inside an AVC decoder configuration
 * record (ISO/IEC 14496-15, 5.3.3.1) gets a video signal type (ITU-T H.264, E.1.1).
 */
export function tagAvcRecord(record: Uint8Array): Uint8Array {
  const length = (record[6]! << 8) | record[7]!
  const nal = tagParameterSet(record.subarray(8, 8 + length))
  const size = Uint8Array.of(nal.length >> 8, nal.length & 255)
  return Buffer.concat([record.subarray(0, 6), size, nal, record.subarray(8 + length)])
}

function tagParameterSet(nal: Uint8Array): Uint8Array {
  const payload = withoutEmulationPrevention(nal)
  const reader = new BitReader(payload)
  skipToVui(reader)
  const flag = reader.position
  if (reader.read(1) === 0) {
    // vui_parameters_present becomes 1; of the nine things a VUI may hold only the video signal is there.
    return withEmulationPrevention(spliceBits(payload, flag, 1, [[1, 1], [0, 2], ...videoSignal, [0, 6]]))
  }
  if (reader.read(1) && reader.read(8) === 255) reader.skip(32) // aspect_ratio_info
  if (reader.read(1)) reader.skip(1) // overscan_info
  const start = reader.position
  if (reader.read(1)) {
    reader.skip(4)
    if (reader.read(1)) reader.skip(24)
  }
  return withEmulationPrevention(spliceBits(payload, start, reader.position - start, videoSignal))
}

const highProfiles = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128])

/** Moves to vui_parameters_present_flag of a sequence parameter set (ITU-T H.264, 7.3.2.1.1). */
function skipToVui(reader: BitReader): void {
  reader.skip(8) // NAL header
  const profile = reader.read(8)
  reader.skip(16) // constraints, level
  reader.readExpGolomb() // seq_parameter_set_id
  if (highProfiles.has(profile)) skipHighProfileFields(reader)
  reader.readExpGolomb() // log2_max_frame_num
  const order = reader.readExpGolomb()
  if (order === 1) throw new Error('H.264: picture order count type 1 is not understood')
  if (order === 0) reader.readExpGolomb()
  reader.readExpGolomb() // max_num_ref_frames
  reader.skip(1) // gaps_in_frame_num_value_allowed
  reader.readExpGolomb() // width
  reader.readExpGolomb() // height
  if (reader.read(1) === 0) reader.skip(1) // frame_mbs_only, mb_adaptive_frame_field
  reader.skip(1) // direct_8x8_inference
  if (reader.read(1)) for (let edge = 0; edge < 4; edge++) reader.readExpGolomb() // cropping
}

function skipHighProfileFields(reader: BitReader): void {
  if (reader.readExpGolomb() === 3) reader.skip(1) // chroma_format_idc, separate_colour_plane
  reader.readExpGolomb() // bit_depth_luma
  reader.readExpGolomb() // bit_depth_chroma
  reader.skip(1) // qpprime_y_zero_transform_bypass
  if (reader.read(1)) throw new Error('H.264: scaling lists are not understood')
}

/** ITU-T H.264, 7.4.1: a 3 after two zeros is not part of the payload. */
function withoutEmulationPrevention(nal: Uint8Array): Uint8Array {
  return nal.filter((byte, at) => !(byte === 3 && at >= 2 && nal[at - 1] === 0 && nal[at - 2] === 0))
}

function withEmulationPrevention(payload: Uint8Array): Uint8Array {
  const end = payload.findLastIndex(byte => byte !== 0) + 1
  const bytes: number[] = []
  let zeros = 0
  for (const byte of payload.subarray(0, end)) {
    if (zeros >= 2 && byte <= 3) {
      bytes.push(3)
      zeros = 0
    }
    bytes.push(byte)
    zeros = byte === 0 ? zeros + 1 : 0
  }
  return Uint8Array.from(bytes)
}
