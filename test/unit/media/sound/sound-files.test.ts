import { open, readdir, readFile, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { topLevelBoxes } from '../../../../src/media/mp4-index.ts'
import { probeMedia } from '../../../../src/media/probe.ts'
import { readVideo } from '../../../../src/media/read-video.ts'
import { convertSound } from '../../../../src/media/sound/convert-sound.ts'
import { probeSound, readSound } from '../../../../src/media/sound/read-sound.ts'
import { type Sound, sliceSound, soundLength } from '../../../../src/media/sound/sound.ts'
import { encodeWav } from '../../../../src/media/sound/wav.ts'
import { openVideoWriter } from '../../../../src/media/writer.ts'
import { discFrames, temporaryFolder } from '../clip-samples.ts'
import { glidingTones, soundToNoise } from './sound-samples.ts'

const folder = temporaryFolder()
const fps = 24
const frames = 25

async function writeWithSound(path: string, sound: Sound, count = frames): Promise<void> {
  const { rate, channels } = sound
  const writer = await openVideoWriter({ path, width: 64, height: 48, fps, sound: { rate, channels } })
  await writer.writeSound(sound)
  await writer.write(discFrames(count, 64, 48))
  await writer.finish()
}

/** Of the sound that LTX-2 makes for as many frames: it ends before the picture. */
const seconds = (4 * Math.round((frames / fps) * 25) - 3) / 100

const containers = [
  { name: 'mp4 at 24 kHz', file: '24.mp4', rate: 24000, stored: 24000, codec: 'aac', decibels: 30 },
  { name: 'mp4 at 48 kHz', file: '48.mp4', rate: 48000, stored: 48000, codec: 'aac', decibels: 30 },
  {
    name: 'mp4 at a rate that AAC has not',
    file: '30.mp4',
    rate: 30000,
    stored: 48000,
    codec: 'aac',
    decibels: 0,
  },
  { name: 'webm at 48 kHz', file: '48.webm', rate: 48000, stored: 48000, codec: 'opus', decibels: 30 },
  { name: 'webm at 24 kHz', file: '24.webm', rate: 24000, stored: 48000, codec: 'opus', decibels: 30 },
] as const

describe.each(containers)('$name', ({ file, rate, stored, codec, decibels }) => {
  test('has both streams, in step, as long as they were, and within the error of the codec', async () => {
    const path = `${folder.path}${file}`
    const sound = glidingTones(seconds, rate)
    await writeWithSound(path, sound)

    const facts = await probeSound(path)
    expect(facts).toMatchObject({ codec, rate: stored, channels: 2, startSeconds: 0 })
    // Opus has frames of 20 ms, and WebM no place for where in the last one the sound ends.
    const surplus = codec === 'opus' ? 0.03 : 1 / stored
    expect(facts!.durationSeconds).toBeGreaterThanOrEqual(seconds - 1 / stored)
    expect(facts!.durationSeconds).toBeLessThanOrEqual(seconds + surplus)
    const picture = await probeMedia(path)
    expect(picture).toMatchObject({ width: 64, height: 48, fps, pictureCount: frames })
    expect(picture.durationSeconds).toBeCloseTo(frames / fps, 2)
    expect((await readVideo(path)).frameCount).toBe(frames)

    const read = await readSound(path)
    expect(read).toMatchObject({ rate: stored, channels: 2 })
    const heard = convertSound(sound, { rate: stored, channels: 2 })
    expect(soundToNoise(heard, read)).toBeGreaterThan(decibels)
    expect(offsetBetween(sound, read)).toBeLessThan(0.001)
  })
})

test('an MP4 with sound has its index before its data, and packets of both streams in turn', async () => {
  const path = `${folder.path}order.mp4`
  await writeWithSound(path, glidingTones(0.5, 48000), 12)
  const file = await open(path)
  const types = (await topLevelBoxes(file)).map(({ type }) => type)
  await file.close()
  expect(types.indexOf('moov')).toBeLessThan(types.indexOf('mdat'))
})

test('a folder holds the samples themselves in audio.wav, beside the pictures', async () => {
  const path = `${folder.path}pictures/`
  const sound = glidingTones(seconds, 24000)
  await writeWithSound(path, sound)
  expect((await readdir(path)).filter(name => !name.endsWith('.png'))).toEqual(['audio.wav'])
  const wav = await readFile(`${path}audio.wav`)
  expect(wav.readUInt16LE(20)).toBe(3) // IEEE floats
  const read = await readSound(path)
  expect(read).toMatchObject({ rate: 24000, channels: 2 })
  expect(read.samples).toEqual(sound.samples)
  expect((await readVideo(path)).frameCount).toBe(frames)
})

test('how loud a sound is does not change', async () => {
  const path = `${folder.path}quiet.mp4`
  const { samples, ...format } = glidingTones(0.5, 48000)
  const quiet = { ...format, samples: samples.map(value => value / 50) }
  await writeWithSound(path, quiet, 12)
  expect(powerOf(await readSound(path)) / powerOf(quiet)).toBeCloseTo(1, 1)
})

test('a sound that is longer than the video is stored whole, and read up to a length', async () => {
  const path = `${folder.path}long.mp4`
  await writeWithSound(path, glidingTones(1.5, 48000), 12)
  expect((await probeSound(path))!.durationSeconds).toBeCloseTo(1.5, 3)
  const first = await readSound(path, { seconds: 1.25 })
  expect(first.longer).toBe(true)
  expect(soundLength(first)).toBe(60000)
})

test('sound may come in parts, and after the first frames', async () => {
  const path = `${folder.path}parts.mp4`
  const sound = glidingTones(seconds, 48000)
  const writer = await openVideoWriter({
    path,
    width: 64,
    height: 48,
    fps,
    sound: { rate: 48000, channels: 2 },
  })
  const pictures = discFrames(frames, 64, 48)
  await writer.write(pictures.subarray(0, 64 * 48 * 3 * 5))
  await writer.writeSound(sliceSound(sound, 0, 30001))
  await writer.write(pictures.subarray(64 * 48 * 3 * 5))
  await writer.writeSound(sliceSound(sound, 30001, soundLength(sound)))
  await writer.finish()
  expect(soundToNoise(sound, await readSound(path))).toBeGreaterThan(30)
})

test.each(['silent.gif', 'silent.webp'])('%s leaves sound out', async name => {
  const path = `${folder.path}${name}`
  await writeWithSound(path, glidingTones(0.5, 48000), 12)
  expect(await probeSound(path)).toBeUndefined()
})

test('sound of another format than the clip was opened for is refused', async () => {
  const writer = await openVideoWriter({
    path: `${folder.path}other.mp4`,
    width: 64,
    height: 48,
    fps,
    sound: { rate: 48000, channels: 2 },
  })
  await expect(writer.writeSound(glidingTones(1, 24000))).rejects.toThrow(
    'sound: expected 2 channels of 48000 Hz, got 2 channels of 24000 Hz.',
  )
})

test('what has no sound has none, and what is no sound or video is refused by name', async () => {
  const path = `${folder.path}mute.mp4`
  const writer = await openVideoWriter({ path, width: 64, height: 48, fps })
  await writer.write(discFrames(9, 64, 48))
  await writer.finish()
  expect(await probeSound(path)).toBeUndefined()
  await expect(readSound(path)).rejects.toThrow(`${path}: expected a file with sound, got one without.`)
  const text = `${folder.path}notes.txt`
  await writeFile(text, 'no sound at all')
  await expect(probeSound(text)).rejects.toMatchObject({ code: 'media/input' })
  await expect(probeSound(`${folder.path}nothing.wav`)).rejects.toThrow('got nothing at that path')
})

test('a WAV file is read as it was written', async () => {
  const sound = glidingTones(0.5, 44100, 1)
  const path = `${folder.path}tones.wav`
  await writeFile(path, encodeWav(sound))
  const read = await readSound(path)
  expect(read).toMatchObject({ rate: 44100, channels: 1, longer: false })
  expect(read.samples).toEqual(sound.samples)
})

function powerOf({ samples }: Sound): number {
  return samples.reduce((sum, value) => sum + value ** 2, 0)
}

/** Seconds by which a sound is shifted in what was read, at most 0.05: where the products of both are largest. */
function offsetBetween(sound: Sound, read: Sound): number {
  const [count, length] = [soundLength(sound), soundLength(read)]
  const product = (shift: number) => {
    let sum = 0
    for (let index = 4000; index < 20000; index += 7) {
      const at = Math.round(((index / sound.rate + shift) * read.rate) % length)
      sum += sound.samples[index]! * (read.samples[at] ?? 0)
    }
    return sum
  }
  expect(count).toBeGreaterThan(20000)
  const shifts = Array.from({ length: 401 }, (_, index) => (index - 200) / 4000)
  const products = shifts.map(product)
  return Math.abs(shifts[products.indexOf(Math.max(...products))]!)
}
