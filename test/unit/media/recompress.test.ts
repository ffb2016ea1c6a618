import { expect, test } from 'vitest'
import { type Picture, readPicture } from '../../../src/media/read-picture.ts'
import { recompress } from '../../../src/media/recompress.ts'

/** Soft colours with fine lines over them. */
function drawn(width: number, height: number): Picture {
  const data = new Uint8Array(3 * width * height)
  for (let at = 0; at < data.length; at++) {
    const [x, y, channel] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width), at % 3]
    data[at] = 128 + 60 * Math.sin((x + 7 * channel) / 9) + 40 * Math.cos(y / 11) + ((x * y) % 5) * 4
  }
  return { width, height, data }
}

/** Root of the mean square of the differences. */
function distance(a: Picture, b: Picture): number {
  const sum = a.data.reduce((total, level, at) => total + (level - b.data[at]!) ** 2, 0)
  return Math.sqrt(sum / a.data.length)
}

test('a picture comes back as it was but for the compression, which a larger factor makes stronger', async () => {
  const picture = drawn(96, 64)
  const found: number[] = []
  for (const crf of [5, 18, 33, 51]) {
    const again = await recompress(picture, crf)
    expect([again.width, again.height, again.data.length]).toEqual([96, 64, 3 * 96 * 64])
    found.push(distance(again, picture))
  }
  expect(found).toEqual(found.toSorted((a, b) => a - b))
  expect(found[0]).toBeLessThan(4)
  expect(found[2]).toBeGreaterThan(1)
  expect(found[3]).toBeLessThan(40)
})

/**
 * Made with ffmpeg 5.1.9 and x264 164 from `drawn(64, 48)` as raw RGB, with the conversions of PyAV, which diffusers uses:
 *   -vf scale=flags=bilinear,format=yuv420p -c:v libx264 -crf 33 -preset veryfast, then -vf scale=flags=bilinear,format=rgb24
 */
const reference = 'test/fixtures/media/x264-crf-33.png'

test('the pixels are those of x264 with the options of diffusers', async () => {
  const expected = await readPicture(reference)
  const again = await recompress(drawn(64, 48), 33)
  expect([again.width, again.height]).toEqual([64, 48])
  const differences = again.data.map((level, at) => Math.abs(level - expected.data[at]!))
  // Equal on x86; conversions of other processors round otherwise. A bicubic filter is 0.7 levels off on average.
  expect(differences.reduce((sum, each) => sum + each, 0) / differences.length).toBeLessThan(0.25)
})

test('the same picture comes back the same', async () => {
  const picture = drawn(64, 64)
  expect(await recompress(picture, 33)).toEqual(await recompress(picture, 33))
})

test('an odd last row and column are cut off', async () => {
  const { width, height } = await recompress(drawn(65, 49), 33)
  expect([width, height]).toEqual([64, 48])
})
