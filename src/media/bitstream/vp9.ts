import { spliceBits } from './bits.ts'

/**
 * Marks a VP9 key frame of profile 0 as BT.709: its header has two bytes of flags ended by the sync code, and then
 * three bits of color_space, of which 2 is CS_BT_709 (VP9 bitstream specification, 6.2 and 7.2.2). The next bit,
 * color_range, is 0 for limited range as it comes from the encoder.
 */
export function tagVp9KeyFrame(frame: Uint8Array): Uint8Array {
  const header = spliceBits(frame.subarray(0, 5), 32, 3, [[2, 3]])
  return Buffer.concat([header, frame.subarray(5)])
}
