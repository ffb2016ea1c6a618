/** Sound that is copied as it is stored. */
import type { EncodedPacket, EncodedPacketSink, Input } from 'mediabunny'
import { readEditList } from '../edit-list.ts'
import { openGuardedSound } from '../guarded-input.ts'
import type { Mediabunny } from '../mediabunny.ts'
import { originOf } from './origin.ts'
import { soundFileOf } from './read-sound.ts'
import { type Sound, type SoundFormat, soundLength } from './sound.ts'
import type { SoundPacketConsumer } from './sound-encoder.ts'

/** Samples of a packet of AAC-LC (ISO/IEC 14496-3, 4.5.1.1). */
const packetSamples = 1024

/** Packets before the first that is heard: AAC overlaps, and encoders put up to 2112 samples before the sound. */
const primingPackets = 3

/** How far times of packets may be from where the packet before them ends. */
const toleranceSeconds = 0.001

/**
 * The sound of a file on its way into another one, packet by packet, its priming included: nothing is decoded or encoded. It
 * has the length of the samples that are pushed.
 */
export class CopiedTrack {
  readonly #input: Input
  readonly #rate: number
  readonly #config: AudioDecoderConfig
  readonly #packets: AsyncGenerator<EncodedPacket, void, unknown>
  readonly #onPacket: SoundPacketConsumer
  /** Samples from the first packet to the first sample that is heard. */
  readonly #priming: number
  #waiting: EncodedPacket | undefined
  /** Packets that were copied. */
  #copied = 0
  /** Samples that were pushed. */
  #length = 0

  private constructor(input: Input, packets: CopyablePackets, onPacket: SoundPacketConsumer) {
    this.#input = input
    this.#rate = packets.rate
    this.#config = packets.config
    this.#priming = packets.priming
    this.#packets = packets.packets
    this.#onPacket = onPacket
  }

  /**
   * Opens the sound of an MP4 or MOV file, which decodes to a format.
   * @returns undefined for sound that is not AAC-LC of one or two channels in one piece from the first picture on
   */
  static async open(
    mediabunny: Mediabunny,
    path: string,
    format: SoundFormat,
    onPacket: SoundPacketConsumer,
  ): Promise<CopiedTrack | undefined> {
    const file = await soundFileOf(path)
    if (file === undefined) return undefined
    const input = openGuardedSound(mediabunny, file)
    // What cannot be told of a file that was decoded before is no reason to fail: it is encoded anew.
    const packets = await copyablePackets(mediabunny, input, file, format).catch(() => undefined)
    if (packets) return new CopiedTrack(input, packets, onPacket)
    input.dispose()
    return undefined
  }

  push(sound: Sound): void {
    this.#length += soundLength(sound)
  }

  /** Copies the packets that begin before a time of the clip. */
  async advanceTo(seconds: number): Promise<void> {
    const end = Math.min(seconds * this.#rate, this.#length)
    for (;;) {
      const first = this.#copied * packetSamples - this.#priming
      if (first >= end) return
      this.#waiting ??= (await this.#packets.next()).value ?? undefined
      if (this.#waiting === undefined) return
      // The last one may be longer than the sound.
      const samples = Math.min(packetSamples, this.#length - first)
      const [timestamp, duration] = [first / this.#rate, samples / this.#rate]
      this.#onPacket(this.#waiting.clone({ timestamp, duration }), { decoderConfig: this.#config })
      this.#copied++
      this.#waiting = undefined
    }
  }

  async finish(): Promise<void> {
    await this.advanceTo(Number.POSITIVE_INFINITY)
    await this.abort()
  }

  async abort(): Promise<void> {
    await this.#packets.return()
    this.#input.dispose()
  }
}

interface CopyablePackets {
  readonly rate: number
  readonly config: AudioDecoderConfig
  readonly priming: number
  readonly packets: AsyncGenerator<EncodedPacket, void, unknown>
}

async function copyablePackets(
  mediabunny: Mediabunny,
  input: Input,
  file: string,
  { rate, channels }: SoundFormat,
): Promise<CopyablePackets | undefined> {
  const { EncodedPacketSink, MP4, QTFF } = mediabunny
  const [format, track] = [await input.getFormat(), await input.getPrimaryAudioTrack()]
  if (!track || (format !== MP4 && format !== QTFF)) return undefined
  const config = await track.getDecoderConfig()
  if (config?.codec !== 'mp4a.40.2' || !config.description) return undefined
  if (config.sampleRate !== rate || config.numberOfChannels !== channels || channels > 2) return undefined
  if (((await readEditList(file, track.id)) ?? []).length > 1) return undefined
  const origin = await originOf(input, file)
  const sink = new EncodedPacketSink(track)
  const first = await firstInOnePiece(sink, origin, rate)
  if (first === undefined) return undefined
  const priming = Math.round((origin - first) * rate)
  const start = await sink.getPacket(first)
  return { rate, config, priming, packets: sink.packets(start ?? undefined) }
}

/** When the first packet begins that is needed from `origin` on; undefined for sound that begins later, or pauses. */
async function firstInOnePiece(
  sink: EncodedPacketSink,
  origin: number,
  rate: number,
): Promise<number | undefined> {
  let first: number | undefined
  let end: number | undefined
  const earliest = origin - (primingPackets * packetSamples) / rate - toleranceSeconds
  for await (const { timestamp } of sink.packets(undefined, undefined, { metadataOnly: true })) {
    if (timestamp < earliest) continue
    if (first === undefined && timestamp > origin + toleranceSeconds) return undefined
    if (end !== undefined && Math.abs(timestamp - end) > toleranceSeconds) return undefined
    first ??= timestamp
    end = timestamp + packetSamples / rate
  }
  return first
}
