import type { Mediabunny } from '../mediabunny.ts'
import { SoundConverter } from './convert-sound.ts'
import { joinSounds, type Sound, type SoundFormat, sliceSound, soundLength } from './sound.ts'
import {
  openSoundEncoder,
  type SoundCodec,
  type SoundEncoder,
  type SoundPacketConsumer,
  storedFormat,
} from './sound-encoder.ts'

/** The sound of a clip on its way into a file: it waits for the frames that it belongs to, so that both stay in step. */
export class SoundTrack {
  readonly #encoder: SoundEncoder
  readonly #converter: SoundConverter
  readonly #format: SoundFormat
  #waiting: Sound
  /** Samples of what waits that are encoded already. */
  #taken = 0
  #encoded = 0

  private constructor(encoder: SoundEncoder, from: SoundFormat, to: SoundFormat) {
    this.#encoder = encoder
    this.#converter = new SoundConverter(from, to)
    this.#format = to
    this.#waiting = joinSounds(to, [])
  }

  /** @param format of the sound that will be pushed; the codec may store it in another one */
  static async open(
    mediabunny: Mediabunny,
    codec: SoundCodec,
    format: SoundFormat,
    onPacket: SoundPacketConsumer,
  ): Promise<SoundTrack> {
    const stored = storedFormat(codec, format)
    return new SoundTrack(await openSoundEncoder(mediabunny, codec, stored, onPacket), format, stored)
  }

  push(sound: Sound): void {
    this.#add(this.#converter.push(sound))
  }

  /** Encodes what lies before a time of the clip. */
  async advanceTo(seconds: number): Promise<void> {
    const count = Math.max(0, Math.round(seconds * this.#format.rate) - this.#encoded)
    const next = sliceSound(this.#waiting, this.#taken, this.#taken + count)
    this.#taken += soundLength(next)
    this.#encoded += soundLength(next)
    await this.#encoder.encode(next)
  }

  /** Encodes what is left. */
  async finish(): Promise<void> {
    this.#add(this.#converter.flush())
    await this.advanceTo(Number.POSITIVE_INFINITY)
    await this.#encoder.finish()
  }

  abort(): Promise<void> {
    return this.#encoder.abort()
  }

  /** Copies what waits, which is not done with every frame: a sound may be there as a whole before the first one. */
  #add(sound: Sound): void {
    const waiting = sliceSound(this.#waiting, this.#taken, soundLength(this.#waiting))
    this.#waiting = joinSounds(this.#format, [waiting, sound])
    this.#taken = 0
  }
}
