import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { repetitions } from '../../../src/media/read-animation.ts'
import { readVideo } from '../../../src/media/read-video.ts'
import { openVideoWriter } from '../../../src/media/writer.ts'
import { largestDifference } from '../../compare.ts'
import {
  collect,
  colours,
  discFrames,
  flatFrames,
  record,
  temporaryFolder,
  writeClip,
} from './clip-samples.ts'

const folder = temporaryFolder()
const size = { width: 64, height: 64, fps: 8 }

describe('an animation', () => {
  it('repeats a picture that is shown longer', async () => {
    const path = `${folder.path}slow.gif`
    const frames = flatFrames(3, 8, 8)
    const raw = { width: 8, height: 24, channels: 3 as const, pageHeight: 8 }
    await sharp(frames, { raw })
      .gif({ delay: [100, 300, 100] })
      .toFile(path)
    const video = await readVideo(path)
    expect(video.fps).toBe(10)
    const first = (await collect(video.frames)).map(frame => Array.from(frame.subarray(0, 3)))
    expect(first).toEqual([colours[0], colours[1], colours[1], colours[1], colours[2]])
  })

  const pictures = [
    [0, 1, 2, 3, 4, 5],
    [0, 0, 1, 1, 2, 2],
    [0, 0, 0, 0],
    [0, 1, 1, 2, 2, 2, 3],
  ]

  it.each([
    ['.gif', true, [1, 7.5, 8, 16, 24, 30, 50]],
    ['.gif', false, [1, 8, 12, 16, 25, 50]],
    ['.webp', true, [1, 7.5, 8, 16, 24, 30, 60, 90]],
  ] as const)(
    'gives every frame back that was written, equal ones too: %s, record %s',
    async (extension, recorded, rates) => {
      for (const fps of rates) {
        for (const [index, order] of pictures.entries()) {
          const path = `${folder.path}equal-${recorded}-${fps}-${index}${extension}`
          const flat = flatFrames(6, 16, 16)
          const frames = Buffer.concat(
            order.map(picture => flat.subarray(picture * 768, (picture + 1) * 768)),
          )
          const metadata = recorded ? { ...record, frames: order.length, fps } : undefined
          await writeClip(frames, { path, width: 16, height: 16, fps, metadata })
          const video = await readVideo(path)
          const read = (await collect(video.frames)).map(frame =>
            colours.findIndex(colour => largestDifference(colour, frame.subarray(0, 3)) <= 4),
          )
          expect([fps, ...read]).toEqual([fps, ...order])
          if (recorded) expect(video.fps).toBe(fps)
        }
      }
    },
  )

  it('is not made at a rate that browsers would slow down', async () => {
    const writing = (path: string, fps: number) => openVideoWriter({ path: folder.path + path, ...size, fps })
    await expect(writing('fast.gif', 60)).rejects.toThrow(
      'fps: expected at most 50 for a .gif file, got 60. Write .mp4, .webm or a folder of PNG files.',
    )
    await expect(writing('fast.webp', 120)).rejects.toThrow(
      'fps: expected at most 90 for a .webp file, got 120.',
    )
  })

  it('is longer than what is decoded at once', async () => {
    await writeClip(discFrames(70, 32, 16), {
      path: `${folder.path}many.webp`,
      width: 32,
      height: 16,
      fps: 8,
    })
    const frames = await collect((await readVideo(`${folder.path}many.webp`)).frames)
    expect(frames.length).toBe(70)
  })

  it.each([
    [[120, 130, 120, 130], undefined, [1, 1, 1, 1], 8],
    [[120, 1130], 8, [1, 9], 8],
    [[60, 70, 60, 60, 60, 70], undefined, [1, 1, 1, 1, 1, 1], 16],
    [[130, 140, 130], undefined, [1, 1, 1], 7.5],
    [[0, 0, 0], undefined, [1, 1, 1], 10],
    [[50], undefined, [1], undefined],
  ])('with the times %j and the rate %s shows its pictures for %j frames', (delays, known, counts, fps) => {
    expect(repetitions(delays, known)).toEqual({ counts, fps })
  })
})
