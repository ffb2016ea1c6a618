/** Sound as numbers: PCM from −1 to 1. */

export interface SoundFormat {
  /** Samples a second of each channel. */
  readonly rate: number
  readonly channels: number
}

export interface Sound extends SoundFormat {
  /** [channels, samples] */
  readonly samples: Float32Array
}

/** Samples of each channel. */
export function soundLength({ channels, samples }: Pick<Sound, 'channels' | 'samples'>): number {
  return samples.length / channels
}

/** The samples of one channel, in the memory of the sound. */
export function channelOf(sound: Pick<Sound, 'channels' | 'samples'>, channel: number): Float32Array {
  const count = soundLength(sound)
  return sound.samples.subarray(channel * count, (channel + 1) * count)
}

/** The samples [start, end) of every channel. */
export function sliceSound(sound: Sound, start: number, end: number): Sound {
  const length = soundLength(sound)
  const count = Math.max(0, Math.min(end, length) - start)
  const samples = new Float32Array(sound.channels * count)
  for (let channel = 0; channel < sound.channels; channel++) {
    samples.set(channelOf(sound, channel).subarray(start, start + count), channel * count)
  }
  return { ...sound, samples }
}

/** Sounds of one format, one after the other. */
export function joinSounds(format: SoundFormat, parts: readonly Sound[]): Sound {
  const total = parts.reduce((sum, part) => sum + soundLength(part), 0)
  const samples = new Float32Array(format.channels * total)
  let at = 0
  for (const part of parts) {
    for (let channel = 0; channel < format.channels; channel++) {
      samples.set(channelOf(part, channel), channel * total + at)
    }
    at += soundLength(part)
  }
  return { ...format, samples }
}

/** A sound of a number of samples: cut, or with silence at its end. */
export function withLength(sound: Sound, length: number): Sound {
  const missing = length - soundLength(sound)
  if (missing <= 0) return sliceSound(sound, 0, length)
  const silence = { ...sound, samples: new Float32Array(sound.channels * missing) }
  return joinSounds(sound, [sound, silence])
}

/** The channels of one sample after those of the other: [samples, channels]. */
export function interleaved(sound: Sound): Float32Array {
  const { channels, samples } = sound
  const result = new Float32Array(samples.length)
  for (let channel = 0; channel < channels; channel++) {
    let at = channel
    for (const value of channelOf(sound, channel)) {
      result[at] = value
      at += channels
    }
  }
  return result
}
