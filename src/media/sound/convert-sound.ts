import { channelOf, joinSounds, type Sound, type SoundFormat, sliceSound, soundLength } from './sound.ts'

/** Zero crossings of the sinc on either side. */
const crossings = 32

/** Of the Kaiser window: what is beyond the band is about 80 dB down. */
const beta = 8

/** Values of the filter from one zero crossing to the next; it is interpolated linearly between them. */
const resolution = 512

/** A sound in another format, as `SoundConverter` makes it. Without a change it is the same sound. */
export function convertSound(sound: Sound, to: SoundFormat): Sound {
  if (sound.rate === to.rate && sound.channels === to.channels) return sound
  const converter = new SoundConverter(sound, to)
  return joinSounds(to, [converter.push(sound), converter.flush()])
}

/**
 * Brings a sound to another sampling rate, part by part, by a sinc under a Kaiser window (Smith, "Digital Audio Resampling
 * Home Page"), and to other channels: one is copied to all, several are averaged for one; missing channels are
 * silent, and channels beyond those of the result are dropped.
 */
export class SoundConverter {
  readonly #to: SoundFormat
  /** Samples of the source from one of the result to the next. */
  readonly #step: number
  /** Samples of the source on either side that one of the result depends on. */
  readonly #reach: number
  readonly #filter: Float64Array
  /** What of the source is still needed, and the index of its first sample. */
  #held: Sound
  #heldFrom = 0
  #given = 0

  constructor(from: SoundFormat, to: SoundFormat) {
    this.#to = to
    this.#step = from.rate / to.rate
    this.#reach = from.rate === to.rate ? 0 : Math.ceil(crossings * Math.max(1, this.#step))
    this.#filter = this.#reach === 0 ? new Float64Array() : kaiserSinc()
    this.#held = { rate: from.rate, channels: to.channels, samples: new Float32Array() }
  }

  /** Takes samples of the source. @returns the samples of the result that can be computed so far */
  push(sound: Sound): Sound {
    this.#held = joinSounds(this.#held, [this.#held, withChannels(sound, this.#to.channels)])
    const end = this.#heldFrom + soundLength(this.#held)
    return this.#resample(Math.max(this.#given, Math.floor((end - 1 - this.#reach) / this.#step) + 1))
  }

  /** The rest of the result. */
  flush(): Sound {
    const end = this.#heldFrom + soundLength(this.#held)
    return this.#resample(Math.max(this.#given, Math.round(end / this.#step)))
  }

  /** Computes the samples up to `end` of the result, and drops source samples that no later one depends on. */
  #resample(end: number): Sound {
    const { channels } = this.#to
    const count = end - this.#given
    const samples = new Float32Array(channels * count)
    const length = soundLength(this.#held)
    for (let channel = 0; channel < channels; channel++) {
      const source = channelOf(this.#held, channel)
      for (let index = 0; index < count; index++) {
        const centre = (this.#given + index) * this.#step - this.#heldFrom
        samples[channel * count + index] = this.#at(source, centre)
      }
    }
    this.#given = end
    const kept = Math.min(length, Math.max(0, Math.floor(end * this.#step) - this.#reach - this.#heldFrom))
    this.#held = sliceSound(this.#held, kept, length)
    this.#heldFrom += kept
    return { ...this.#to, samples }
  }

  /** The value of the source at a time that may lie between its samples. */
  #at(source: Float32Array, centre: number): number {
    if (this.#reach === 0) return source[centre]!
    // Below its own rate a signal is held to the band of the new one.
    const band = Math.min(1, 1 / this.#step)
    const last = Math.min(source.length - 1, Math.floor(centre + this.#reach))
    let sum = 0
    for (let tap = Math.max(0, Math.ceil(centre - this.#reach)); tap <= last; tap++) {
      const place = Math.min(crossings, Math.abs(centre - tap) * band) * resolution
      const below = Math.floor(place)
      const [value, next] = [this.#filter[below]!, this.#filter[below + 1]!]
      sum += source[tap]! * (value + (place - below) * (next - value))
    }
    return sum * band
  }
}

/** Half of the filter, from its centre on. */
function kaiserSinc(): Float64Array {
  return Float64Array.from({ length: crossings * resolution + 2 }, (_, index) => {
    const x = index / resolution
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
    return (sinc * bessel(beta * Math.sqrt(Math.max(0, 1 - (x / crossings) ** 2)))) / bessel(beta)
  })
}

/** The modified Bessel function of the first kind, of order 0. */
function bessel(x: number): number {
  let [sum, term] = [1, 1]
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

function withChannels(sound: Sound, channels: number): Sound {
  if (channels === sound.channels) return sound
  const count = soundLength(sound)
  const samples = new Float32Array(channels * count)
  if (channels === 1) {
    for (let channel = 0; channel < sound.channels; channel++) {
      for (const [index, value] of channelOf(sound, channel).entries())
        samples[index]! += value / sound.channels
    }
  } else {
    for (let channel = 0; channel < channels; channel++) {
      samples.set(channelOf(sound, sound.channels === 1 ? 0 : channel), channel * count)
    }
  }
  return { ...sound, channels, samples }
}
