/** The sound of a clip that is extended by a model that makes sound. */
import { convertSound } from '../media/sound/convert-sound.ts'
import { readSound } from '../media/sound/read-sound.ts'
import {
  joinSounds,
  type Sound,
  type SoundFormat,
  sliceSound,
  soundLength,
  withLength,
} from '../media/sound/sound.ts'
import { audioReady } from './clip-sound.ts'
import type { AudioReadyEvent } from './events.ts'

/**
 * The sound of a clip in the format of another one, as long as its pictures: cut, or with silence at its end. That of a
 * clip without any is silence.
 * @param seconds of the pictures
 */
export async function soundUnder(
  path: string | undefined,
  seconds: number,
  format: SoundFormat,
  signal: AbortSignal,
): Promise<Sound> {
  const own = path === undefined ? joinSounds(format, []) : await readSound(path, { seconds, signal })
  return withLength(convertSound(own, format), samplesOf(format, seconds))
}

/**
 * The samples that are held back until the next window has faded in over them, like the frames of `extend`. The fade keeps
 * the power of two sounds that have nothing to do with each other.
 */
export class SoundTail {
  readonly #format: SoundFormat
  readonly #overlap: number
  readonly #total: number
  #held: Sound
  /** Of the samples that have been given out. */
  #first = 0

  /**
   * @param overlap seconds that a window begins with of what was there before
   * @param total seconds of the whole clip
   */
  constructor(format: SoundFormat, overlap: number, total: number) {
    this.#format = format
    this.#overlap = samplesOf(format, overlap)
    this.#total = samplesOf(format, total)
    this.#held = joinSounds(format, [])
  }

  /** Takes the sound of the clip that is extended. */
  *begin(sound: Sound): Generator<AudioReadyEvent> {
    yield* this.#give(sound)
  }

  /**
   * Takes the sound of a window, which begins with the overlap.
   * @param seconds of the window's pictures; undefined for the last one, whose sound ends where it ends
   */
  *follow(
    { rate, channels, samples }: AudioReadyEvent,
    seconds: number | undefined,
  ): Generator<AudioReadyEvent> {
    const made = { rate, channels, samples }
    const window = seconds === undefined ? made : withLength(made, samplesOf(this.#format, seconds))
    const faded = crossfaded(this.#held, sliceSound(window, 0, this.#overlap))
    const rest = sliceSound(window, this.#overlap, soundLength(window))
    this.#held = joinSounds(this.#format, [])
    yield* this.#give(joinSounds(this.#format, [faded, rest]))
  }

  /** What is held at the end. */
  *flush(): Generator<AudioReadyEvent> {
    yield* this.#event(this.#held)
  }

  /** Gives out all but the last samples, as many as the next window begins with. */
  *#give(sound: Sound): Generator<AudioReadyEvent> {
    const length = soundLength(sound)
    const kept = Math.max(0, length - this.#overlap)
    this.#held = sliceSound(sound, kept, length)
    yield* this.#event(sliceSound(sound, 0, kept))
  }

  *#event(sound: Sound): Generator<AudioReadyEvent> {
    const within = sliceSound(sound, 0, this.#total - this.#first)
    if (soundLength(within) === 0) return
    yield audioReady(within, this.#first, performance.now())
    this.#first += soundLength(within)
  }
}

/** A sound that becomes another one, over the length of the first. */
function crossfaded(old: Sound, fresh: Sound): Sound {
  const [count, given] = [soundLength(old), soundLength(fresh)]
  const samples = old.samples.map((value, index) => {
    const [channel, at] = [Math.floor(index / count), index % count]
    const share = (Math.PI / 2) * ((at + 1) / (count + 1))
    const next = at < given ? fresh.samples[channel * given + at]! : 0
    return value * Math.cos(share) + next * Math.sin(share)
  })
  return { ...old, samples }
}

function samplesOf({ rate }: SoundFormat, seconds: number): number {
  return Math.round(seconds * rate)
}
