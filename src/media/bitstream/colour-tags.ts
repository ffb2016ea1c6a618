import { tagAv1Packet } from './av1.ts'
import { tagAvcRecord } from './h264.ts'
import { tagVp9KeyFrame } from './vp9.ts'

export type WrittenCodec = 'avc' | 'vp9' | 'av1'

/** The colours of every video that is written, as WebCodecs names them. */
export const writtenColours = {
  primaries: 'bt709',
  transfer: 'bt709',
  matrix: 'bt709',
  fullRange: false,
} as const

/**
 * Marks a coded key frame as BT.709, limited range. The encoders are not told what their numbers mean, so their
 * streams say "unspecified", and a player would guess: wrongly, for small pictures. The container is marked by the
 * decoder configuration; these marks inside the stream are for programs that look only there.
 */
export function tagKeyFrame(codec: WrittenCodec, data: Uint8Array): Uint8Array {
  if (codec === 'vp9') return tagVp9KeyFrame(data)
  if (codec === 'av1') return tagAv1Packet(data)
  return data // H.264 keeps its parameter sets in the decoder configuration.
}

/** The decoder configuration of a stream, marked as BT.709, limited range. */
export function tagDecoderConfig<Config extends { readonly description?: unknown }>(
  codec: WrittenCodec,
  config: Config,
): Config {
  const tagged = { ...config, colorSpace: writtenColours }
  if (codec !== 'avc') return tagged
  return { ...tagged, description: tagAvcRecord(config.description as Uint8Array) }
}
