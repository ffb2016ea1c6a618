import { type Sound, soundLength } from '../../../../src/media/sound/sound.ts'

/** Tones that glide, others in each channel, and a little noise: [channels, samples] in about ±0.7. */
export function glidingTones(seconds: number, rate: number, channels = 2): Sound {
  const count = Math.round(seconds * rate)
  const samples = new Float32Array(channels * count)
  let state = 1
  for (let index = 0; index < samples.length; index++) {
    const [channel, time] = [Math.floor(index / count), (index % count) / rate]
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const low = 0.4 * Math.sin(2 * Math.PI * (220 + 110 * channel) * time * (1 + time / 5))
    const high = 0.2 * Math.sin(2 * Math.PI * (1400 + 900 * channel) * time)
    samples[index] = low + high + 0.002 * (state / 2 ** 32 - 0.5)
  }
  return { rate, channels, samples }
}

/** 10 · log10 of the power of a sound over that of what is different in another one, over the length of the first. */
export function soundToNoise(sound: Sound, other: Sound): number {
  const [count, given] = [soundLength(sound), soundLength(other)]
  let [power, noise] = [0, 0]
  for (let channel = 0; channel < sound.channels; channel++) {
    for (let index = 0; index < count; index++) {
      const value = sound.samples[channel * count + index]!
      const read = index < given ? other.samples[channel * given + index]! : 0
      power += value ** 2
      noise += (value - read) ** 2
    }
  }
  return 10 * Math.log10(power / noise)
}
