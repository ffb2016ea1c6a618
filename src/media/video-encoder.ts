import type { EncodedPacket } from 'mediabunny'
import { tagDecoderConfig, tagKeyFrame, type WrittenCodec, writtenColours } from './bitstream/colour-tags.ts'
import type { ClipFormat } from './frame-sink.ts'
import type { Mediabunny } from './mediabunny.ts'
import { evenSize, rgbToYuv } from './rgb-to-yuv.ts'

export interface VideoEncoder {
  /** Encodes one frame, [height, width, 3] RGB; settles when the encoder can take another. */
  encode(frame: Uint8Array): Promise<void>
  /** Delivers the packets that the encoder still holds. */
  finish(): Promise<void>
  abort(): Promise<void>
}

export type PacketConsumer = (packet: EncodedPacket, metadata: EncodedVideoChunkMetadata | undefined) => void

/**
 * Opens an encoder in constant-quantizer mode: the same quality in every frame at any size or frame rate, where a
 * bitrate would have to be guessed and starves small clips. Packets come in decoding order, marked as BT.709.
 */
export async function openVideoEncoder(
  mediabunny: Mediabunny,
  codec: WrittenCodec,
  clip: ClipFormat,
  onPacket: PacketConsumer,
): Promise<VideoEncoder> {
  const source = new mediabunny.VideoSampleSource({
    codec,
    quality: new mediabunny.Quality({ quantizer: quantizer(codec, clip.quality) }),
    hardwareAcceleration: 'prefer-software',
    onEncodedPacket: (packet, metadata) => onPacket(...tagged(codec, packet, metadata)),
  })
  // The packets go to their file by another way, tagged; this output only drives the encoder.
  const output = new mediabunny.Output({
    format: new mediabunny.MkvOutputFormat({ appendOnly: true }),
    target: new mediabunny.NullTarget(),
  })
  output.addVideoTrack(source, { frameRate: clip.fps })
  await output.start()

  let index = 0
  return {
    async encode(frame) {
      const sample = new mediabunny.VideoSample(rgbToYuv(frame, clip.width, clip.height), {
        format: 'I420',
        codedWidth: evenSize(clip.width),
        codedHeight: evenSize(clip.height),
        timestamp: index++ / clip.fps,
        duration: 1 / clip.fps,
        colorSpace: writtenColours,
      })
      try {
        await source.add(sample)
      } finally {
        sample.close()
      }
    },
    finish: () => output.finalize(),
    async abort() {
      if (output.state === 'started') await output.cancel()
    },
  }
}

/**
 * The quantizer of each codec for quality 0. On mediabunny's scales the coarsest are 51, 63 and 255; these are the
 * ones that look about alike.
 */
const coarsest: Readonly<Record<WrittenCodec, number>> = { avc: 51, vp9: 45, av1: 180 }

/**
 * The quantizer for a quality of 1 … 100. The square root makes the numbers feel like those of JPEG: 90 is 16 of 51
 * for H.264, visually lossless; 75 is 26, about what video sites send. Zero is left out: it means lossless for
 * H.264, in a profile that browsers do not play.
 */
export function quantizer(codec: WrittenCodec, quality: number): number {
  return Math.max(1, Math.round(coarsest[codec] * Math.sqrt(1 - quality / 100)))
}

function tagged(
  codec: WrittenCodec,
  packet: EncodedPacket,
  metadata: EncodedVideoChunkMetadata | undefined,
): [EncodedPacket, EncodedVideoChunkMetadata | undefined] {
  const decoderConfig = metadata?.decoderConfig && tagDecoderConfig(codec, metadata.decoderConfig)
  return [
    packet.type === 'key' ? packet.clone({ data: tagKeyFrame(codec, packet.data) }) : packet,
    decoderConfig ? { ...metadata, decoderConfig } : metadata,
  ]
}
