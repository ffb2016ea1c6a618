/** Clips of FFmpeg, made by test/fixtures/media/make.sh, beside what FFmpeg itself reads of them. */
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { probeMedia } from '../../../src/media/probe.ts'
import { readVideo } from '../../../src/media/read-video.ts'
import { largestDifference } from '../../compare.ts'
import { collect, temporaryFolder } from '../../unit/media/clip-samples.ts'

const folder = temporaryFolder()
const fixture = (name: string) => `test/fixtures/media/${name}`

let recorded: Readonly<Record<string, { readonly ffprobe: string; readonly firstFrame: string }>>
beforeAll(async () => {
  recorded = JSON.parse(await readFile(fixture('clips.json'), 'utf8'))
})

/** The index of the frames that are shown, in clips whose brightness is four times it. */
async function shown(path: string, fps?: number): Promise<number[]> {
  const { frames } = await readVideo(path, { fps })
  return (await collect(frames)).map(frame => Math.round(frame[3 * 400]! / 4))
}

describe('the pixels of a clip of another program', () => {
  it.each([
    ['grey-hevc.mp4', 32, 24],
    ['grey-av1.mp4', 32, 24],
    ['rgb-avc.mp4', 32, 24],
    ['rgb10-hevc.mp4', 32, 24],
    ['440-vp9.webm', 32, 24],
    ['smpte240m.mp4', 32, 24],
    ['fcc.mp4', 32, 24],
    ['bt2020nc.mp4', 32, 24],
    ['odd.mp4', 35, 27],
    ['rotated.mp4', 24, 32],
  ])('are to a level what FFmpeg reads of %s', async (name, width, height) => {
    const video = await readVideo(fixture(name))
    expect([video.width, video.height, video.fps, video.frameCount]).toEqual([width, height, 24, 6])
    const frames = await collect(video.frames)
    expect(frames).toHaveLength(6)
    const expected = Buffer.from(recorded[name]!.firstFrame, 'base64')
    expect(frames[0]).toHaveLength(expected.length)
    expect(largestDifference(frames[0]!, expected)).toBeLessThanOrEqual(1)
  })

  it('are widened where they are not square', async () => {
    const video = await readVideo(fixture('anamorphic.mp4'))
    expect([video.width, video.height]).toEqual([64, 24])
    const [frame] = await collect(video.frames)
    const stored = Buffer.from(recorded['anamorphic.mp4']!.firstFrame, 'base64')
    let difference = 0
    for (let at = 0; at < stored.length; at++) {
      const left = Math.floor(at / 3) * 6 + (at % 3)
      difference += Math.abs((frame![left]! + frame![left + 3]!) / 2 - stored[at]!)
    }
    expect(difference / stored.length).toBeLessThan(20)
  })
})

describe('the time of a clip of another program', () => {
  it('is that of presentation where frames are stored in another order', async () => {
    const facts = { fps: 24, pictureCount: 300, durationSeconds: 12.5, variable: false }
    expect(await probeMedia(fixture('reordered.mp4'))).toMatchObject(facts)
    expect((await shown(fixture('reordered.mp4'))).slice(0, 60)).toEqual(
      Array.from({ length: 60 }, (_, at) => at),
    )
    expect((await shown(fixture('reordered.mp4'), 8)).slice(0, 8)).toEqual([0, 3, 6, 9, 12, 15, 18, 21])
  })

  it('begins where a cut begins that was made without coding again', async () => {
    const { fps, durationSeconds } = await probeMedia(fixture('cut.mp4'))
    expect(fps).toBe(24)
    expect(durationSeconds).toBeGreaterThan(2)
    expect(durationSeconds).toBeLessThan(2.25)
    const frames = await shown(fixture('cut.mp4'))
    expect(frames.slice(0, 40)).toEqual(Array.from({ length: 40 }, (_, at) => 17 + at))
  })

  it('ends where an edit list ends', async () => {
    const file = await readFile(fixture('reordered.mp4'))
    const list = file.indexOf('elst', 0, 'latin1')
    const movie = file.indexOf('mvhd', 0, 'latin1')
    file.writeUInt32BE(file.readUInt32BE(movie + 16) * 2, list + 12) // 2 s of the movie's time scale.
    await writeFile(`${folder.path}trimmed.mp4`, file)
    expect(await probeMedia(`${folder.path}trimmed.mp4`)).toMatchObject({
      pictureCount: 48,
      durationSeconds: 2,
    })
    expect(await shown(`${folder.path}trimmed.mp4`)).toEqual(Array.from({ length: 48 }, (_, at) => at))
  })

  it('refuses an edit list that changes the speed, by name', async () => {
    const file = await readFile(fixture('reordered.mp4'))
    file.writeUInt32BE(0x8000, file.indexOf('elst', 0, 'latin1') + 20)
    await writeFile(`${folder.path}slow.mp4`, file)
    await expect(readVideo(`${folder.path}slow.mp4`)).rejects.toThrow(
      'expected an edit list that cuts and joins, got a rate of 0.5.',
    )
  })

  it('stays what it is where the frame rate varies', async () => {
    const facts = await probeMedia(fixture('variable.mp4'))
    expect(facts).toMatchObject({ variable: true, fps: 24, pictureCount: 41 })
    expect(facts.durationSeconds).toBeCloseTo(2.5, 1)
    // Of frames 12 to 35, only every fifth was kept.
    const stored = (index: number) => (index < 12 || index > 35 ? index : Math.max(11, index - (index % 5)))
    const frames = await shown(fixture('variable.mp4'))
    expect(frames).toHaveLength(60)
    frames.forEach((frame, index) => {
      expect([stored(index), stored(index + 1)]).toContain(frame)
    })
    const slower = await shown(fixture('variable.mp4'), 8)
    expect(slower).toHaveLength(20)
    slower.forEach((frame, index) => {
      expect([stored(3 * index), stored(3 * index + 1)]).toContain(frame)
    })
  })
})

describe('bytes behind a clip', () => {
  it.each(['reordered.mp4', '440-vp9.webm'])('are no part of it: %s', async name => {
    const path = folder.path + name
    await writeFile(
      path,
      Buffer.concat([await readFile(fixture(name)), Buffer.from('some text, put behind it')]),
    )
    const [{ frameCount }, original] = [await readVideo(path), await readVideo(fixture(name))]
    expect(frameCount).toBe(original.frameCount)
  })
})

it('writes nothing to stderr when a decoder complains', async () => {
  const file = await readFile(fixture('reordered.mp4'))
  for (let at = file.indexOf('mdat', 0, 'latin1') + 1000; at < file.length - 4000; at += 97)
    file[at] = at & 255
  await writeFile(`${folder.path}corrupt.mp4`, file)
  const script = `
    import { readVideo } from './dist/src/media/read-video.js'
    try { for await (const _ of (await readVideo(process.argv[1])).frames); } catch (error) { console.log(error.code) }`
  const words = ['--input-type=module', '-e', script, `${folder.path}corrupt.mp4`]
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(stdout).toBe('media/input\n')
})
