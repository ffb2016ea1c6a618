/** Sound that a model makes, and sound of the clip that a video starts from: heard in the page, and read from the file. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { readSound } from '../../../src/media/sound/read-sound.ts'
import { type Sound, soundLength } from '../../../src/media/sound/sound.ts'
import { openVideoWriter } from '../../../src/media/writer.ts'
import type { TaskView } from '../../../src/server/framewright/contract.ts'
import { seededModels, writeSeededModel } from '../../parity/seeded-models.ts'
import { flatFrames } from '../../unit/media/clip-samples.ts'
import { glidingTones, soundToNoise } from '../../unit/media/sound/sound-samples.ts'
import { chooseFiles, describeStudio, describeVideo, type Studio } from './browser.ts'

const patience = { timeout: 120_000 }

/** Whether the video is heard, the bytes of sound that were decoded to play it, and the samples of its track. */
interface Heard {
  readonly muted: boolean
  readonly decodedBytes: number
  readonly rate: number
  readonly channels: readonly number[][]
}

/** Plays the video with its sound on. */
async function listen(page: Page): Promise<Heard> {
  await page.getByRole('button', { name: 'Sound on' }).click()
  await page.getByRole('button', { name: 'Sound off' }).waitFor()
  await page.getByRole('button', { name: 'Play', exact: true }).click()
  const decoded = () => page.evaluate('document.querySelector(".player video").webkitAudioDecodedByteCount')
  await expect.poll(decoded).toBeGreaterThan(0)
  return (await page.evaluate(`(async () => {
    const video = document.querySelector('.player video')
    const bytes = await (await fetch(video.src)).arrayBuffer()
    const sound = await new AudioContext({ sampleRate: 24000 }).decodeAudioData(bytes)
    const channels = Array.from({ length: sound.numberOfChannels }, (_, at) => [...sound.getChannelData(at)])
    return { muted: video.muted, decodedBytes: video.webkitAudioDecodedByteCount, rate: sound.sampleRate, channels }
  })()`)) as Heard
}

async function soundOf(studio: Studio, task: TaskView): Promise<Sound> {
  const path = join(studio.folder, `${task.id}-sound.mp4`)
  await writeFile(path, Buffer.from(await (await fetch(task.outputs.video!)).arrayBuffer()))
  return await readSound(path)
}

const loudness = (samples: ArrayLike<number>) =>
  Math.sqrt(Array.from(samples).reduce((sum, value) => sum + value * value, 0) / samples.length)

describeStudio(
  'the Studio with a model that makes sound',
  studio => {
    test('plays the sound that comes with the video', patience, async () => {
      const page = await studio.open({ reducedMotion: 'reduce' })
      await describeVideo(page, { prompt: 'a cat plays the drums', frames: 9, size: 64 })
      const task = await studio.make(page)
      expect(task).toMatchObject({ state: 'succeeded', result: { sound: { origin: 'made', channels: 2 } } })
      const heard = await listen(page)
      expect(heard).toMatchObject({ muted: false, rate: 24000 })
      const file = await soundOf(studio, task)
      expect(file.channels).toBe(2)
      const level = loudness(file.samples)
      expect(level).toBeGreaterThan(1e-3)
      expect(loudness(heard.channels.flat()) / level).toBeCloseTo(1, 1)
      expect(await studio.frames(task)).toHaveLength(9)
    })

    test('makes it silent where that is chosen', patience, async () => {
      const page = await studio.open({ reducedMotion: 'reduce' })
      await describeVideo(page, { prompt: 'a cat sleeps', frames: 9, size: 64 })
      await page.getByText('Advanced').click()
      await page.getByLabel('Audio', { exact: true }).selectOption('no')
      const task = await studio.make(page)
      expect(task).toMatchObject({ state: 'succeeded', request: { audio: false } })
      expect(task.result).not.toHaveProperty('sound')
      await page.locator('.player video').waitFor()
      expect(await page.getByRole('button', { name: 'Sound on' }).count()).toBe(0)
    })
  },
  async folder => {
    const model = join(folder, 'ltx2')
    await writeSeededModel(model, seededModels().ltx2!)
    return { devices: [], catalogue: { models: [model], aliases: { ltx2: model } } }
  },
)

describeStudio('the Studio', studio => {
  test('keeps and plays the sound of the clip that a video starts from', patience, async () => {
    const tones = glidingTones(0.5, 24000)
    const path = join(studio.folder, 'tones.mp4')
    const format = { width: 32, height: 32, fps: 8, sound: { rate: tones.rate, channels: tones.channels } }
    const writer = await openVideoWriter({ path, ...format })
    await writer.writeSound(tones)
    await writer.write(flatFrames(5, 32, 32))
    await writer.finish()
    const page = await studio.open({ reducedMotion: 'reduce' })
    await describeVideo(page, { prompt: 'a red ball' })
    await chooseFiles(page, 'Choose a video', [
      { name: 'tones.mp4', mimeType: 'video/mp4', buffer: await readFile(path) },
    ])
    const task = await studio.make(page)
    const sound = { rate: 24000, channels: 2, seconds: 0.5, origin: 'kept' }
    expect(task).toMatchObject({ state: 'succeeded', result: { sound } })
    const heard = await listen(page)
    expect(heard.muted).toBe(false)
    const samples = Float32Array.from(heard.channels.flat())
    const played = { rate: heard.rate, channels: heard.channels.length, samples }
    expect(played).toMatchObject({ rate: 24000, channels: 2 })
    const source = await readSound(path)
    expect(Math.abs(soundLength(played) - soundLength(source))).toBeLessThanOrEqual(2048)
    expect(soundToNoise(source, await soundOf(studio, task))).toBeGreaterThan(40)
    expect(loudness(samples) / loudness(tones.samples)).toBeCloseTo(1, 1)
  })
})
