import type { EncodedPacket } from 'mediabunny'
import type { Mediabunny } from '../mediabunny.ts'
import { joinSounds, type Sound, type SoundFormat, sliceSound, soundLength, withLength } from './sound.ts'

export type SoundCodec = 'aac' | 'opus'

export interface SoundEncoder {
  /** Encodes the samples that follow; settles when the encoder can take more. */
  encode(sound: Sound): Promise<void>
  /** Delivers the packets that the encoder still holds. */
  finish(): Promise<void>
  abort(): Promise<void>
}

export type SoundPacketConsumer = (
  packet: EncodedPacket,
  metadata: EncodedAudioChunkMetadata | undefined,
) => void

/** Sampling rates that AAC has (ISO/IEC 14496-3, table 1.16). */
const aacRates = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000]

/** Channels that both codecs have a layout for. */
const mostChannels = 2

/** The format that a codec stores a sound in: AAC at its rate where it has that, else 48 kHz; Opus at 48 kHz; at most stereo. */
export function storedFormat(codec: SoundCodec, { rate, channels }: SoundFormat): SoundFormat {
  const kept = codec === 'aac' && aacRates.includes(rate)
  return { rate: kept ? rate : 48000, channels: Math.min(channels, mostChannels) }
}

/** Bits per second, of all channels: transparent, and no more than AAC has at low sampling rates. */
function bitrate({ rate, channels }: SoundFormat): number {
  return channels * Math.min(192_000, 5.5 * rate)
}

/**
 * Samples that the encoder is given at a time, which the frames of both codecs divide or are: node-av keeps the buffer of the
 * first ones, and writes beyond its end where later ones are more.
 */
const frameSamples = 1024

/** Priming samples of FFmpeg's AAC encoder. */
const aacPriming = 1024

/**
 * Opens an encoder. Times of packets are those of the sound they decode to: in AAC the first lies before 0, and the last
 * ends with the sound. (Opus tells its decoder what to drop.)
 */
export async function openSoundEncoder(
  mediabunny: Mediabunny,
  codec: SoundCodec,
  format: SoundFormat,
  onPacket: SoundPacketConsumer,
): Promise<SoundEncoder> {
  const { rate } = format
  const early = codec === 'aac' ? aacPriming / rate : 0
  let encoded = 0
  let waiting: Parameters<SoundPacketConsumer> | undefined
  const source = new mediabunny.AudioSampleSource({
    codec,
    quality: new mediabunny.Quality({ bitrate: bitrate(format) }),
    ...(codec === 'aac' && { fullCodecString: 'mp4a.40.2' }),
    onEncodedPacket: (packet, metadata) => {
      if (waiting) onPacket(...waiting)
      waiting = [packet.clone({ timestamp: packet.timestamp - early }), metadata]
    },
  })
  // The packets go to their file by another way; this output only drives the encoder.
  const output = new mediabunny.Output({
    format: new mediabunny.MkvOutputFormat({ appendOnly: true }),
    target: new mediabunny.NullTarget(),
  })
  output.addAudioTrack(source)
  await output.start()
  let held = joinSounds(format, [])
  /** Encodes a frame of the codec; one that is not full ends in silence. */
  const encodeFrame = async (frame: Sound) => {
    const sample = new mediabunny.AudioSample({
      data: withLength(frame, frameSamples).samples,
      format: 'f32-planar',
      numberOfChannels: format.channels,
      sampleRate: rate,
      timestamp: encoded / rate,
    })
    encoded += soundLength(frame)
    try {
      await source.add(sample)
    } finally {
      sample.close()
    }
  }
  return {
    async encode(sound) {
      held = joinSounds(format, [held, sound])
      let at = 0
      for (; at + frameSamples <= soundLength(held); at += frameSamples) {
        await encodeFrame(sliceSound(held, at, at + frameSamples))
      }
      held = sliceSound(held, at, soundLength(held))
    },
    async finish() {
      if (soundLength(held) > 0) await encodeFrame(held)
      await output.finalize()
      if (!waiting) return
      const [packet, metadata] = waiting
      const duration = Math.min(packet.duration, Math.max(0, encoded / rate - packet.timestamp))
      onPacket(packet.clone({ duration }), metadata)
    },
    async abort() {
      if (output.state === 'started') await output.cancel()
    },
  }
}
