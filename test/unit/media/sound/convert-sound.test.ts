import { expect, test } from 'vitest'
import { convertSound, SoundConverter } from '../../../../src/media/sound/convert-sound.ts'
import { joinSounds, type Sound, sliceSound, soundLength } from '../../../../src/media/sound/sound.ts'
import { soundToNoise } from './sound-samples.ts'

/** A tone that swells and fades, so that its ends cut nothing off. */
function tone(rate: number, hertz: number): Sound {
  const samples = Float32Array.from({ length: rate / 2 }, (_, index) => {
    return 0.5 * Math.sin((2 * Math.PI * hertz * index) / rate) * Math.sin((2 * Math.PI * index) / rate) ** 2
  })
  return { rate, channels: 1, samples }
}

test.each([
  [24000, 48000],
  [44100, 48000],
  [48000, 44100],
  [48000, 16000],
])('a tone of %d Hz samples is the same tone at %d', (from, to) => {
  const converted = convertSound(tone(from, 3000), { rate: to, channels: 1 })
  expect(soundLength(converted)).toBe(to / 2)
  expect(soundToNoise(tone(to, 3000), converted)).toBeGreaterThan(70)
})

test('what the new rate cannot hold is left out instead of mirrored', () => {
  const converted = convertSound(tone(48000, 11000), { rate: 16000, channels: 1 })
  const power = converted.samples.reduce((sum, value) => sum + value ** 2, 0) / converted.samples.length
  expect(power).toBeLessThan(1e-8)
})

test('a sound that comes in parts gives the same samples', () => {
  const sound = tone(44100, 700)
  const to = { rate: 48000, channels: 1 }
  const converter = new SoundConverter(sound, to)
  const cuts = [0, 1, 40, 1000, 1001, 20000, soundLength(sound)]
  const parts = cuts.slice(1).map((end, index) => converter.push(sliceSound(sound, cuts[index]!, end)))
  const joined = joinSounds(to, [...parts, converter.flush()])
  expect(joined.samples).toEqual(convertSound(sound, to).samples)
})

test('channels are copied, averaged, added in silence or left out', () => {
  const stereo: Sound = { rate: 8, channels: 2, samples: Float32Array.of(1, 2, 3, 5) }
  expect([...convertSound(stereo, { rate: 8, channels: 1 }).samples]).toEqual([2, 3.5])
  expect([...convertSound(stereo, { rate: 8, channels: 3 }).samples]).toEqual([1, 2, 3, 5, 0, 0])
  const mono: Sound = { rate: 8, channels: 1, samples: Float32Array.of(1, 2) }
  expect([...convertSound(mono, { rate: 8, channels: 2 }).samples]).toEqual([1, 2, 1, 2])
})
