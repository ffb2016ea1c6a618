import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { probeMedia } from '../../../src/media/probe.ts'
import { flatFrames, temporaryFolder, writeClip } from './clip-samples.ts'

const folder = temporaryFolder()

describe('what a file holds', () => {
  it('is a picture with its upright size', async () => {
    const path = `${folder.path}turned.jpg`
    await sharp({ create: { width: 24, height: 16, channels: 3, background: '#888' } })
      .withMetadata({ orientation: 6 })
      .toFile(path)
    expect(await probeMedia(path)).toEqual({
      kind: 'picture',
      width: 16,
      height: 24,
      pictureCount: 1,
      durationSeconds: undefined,
      fps: undefined,
      variable: false,
    })
  })

  it.each(['clip.mp4', 'clip.webm', 'clip.gif', 'clip.webp'])('is a video: %s', async name => {
    const path = folder.path + name
    await writeClip(flatFrames(4, 32, 16), { path, width: 32, height: 16, fps: 8 })
    expect(await probeMedia(path)).toEqual({
      kind: 'video',
      width: 32,
      height: 16,
      pictureCount: 4,
      durationSeconds: 0.5,
      fps: 8,
      variable: false,
    })
  })

  it('is a video without a rate in a folder of pictures', async () => {
    const path = `${folder.path}clip/`
    await writeClip(flatFrames(3, 32, 16), { path, width: 32, height: 16, fps: 8 })
    expect(await probeMedia(path)).toMatchObject({ kind: 'video', pictureCount: 3, fps: undefined })
  })

  it('says of an animation whether its pictures are shown for different times', async () => {
    const path = `${folder.path}slow.gif`
    await sharp(flatFrames(3, 8, 8), { raw: { width: 8, height: 24, channels: 3, pageHeight: 8 } })
      .gif({ delay: [100, 300, 100] })
      .toFile(path)
    const facts = { pictureCount: 3, durationSeconds: 0.5, fps: 10, variable: true }
    expect(await probeMedia(path)).toMatchObject(facts)
  })
})
