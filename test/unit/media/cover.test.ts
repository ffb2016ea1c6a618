import { expect, test } from 'vitest'
import { coverFrame } from '../../../src/media/cover.ts'
import { resample } from '../../../src/media/resample.ts'

function drawn(width: number, height: number) {
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, at) => (at * 37 + Math.floor(at / 9)) % 256,
  )
  return { width, height, data }
}

test.each([
  // The free side is cut to whole pixels: 100 · 48 / 37 = 129.7.
  [drawn(100, 37), { width: 80, height: 48 }, { width: 129, height: 48, left: 24, top: 0 }],
  [drawn(37, 100), { width: 48, height: 80 }, { width: 48, height: 129, left: 0, top: 24 }],
  [drawn(64, 64), { width: 64, height: 64 }, { width: 64, height: 64, left: 0, top: 0 }],
  [drawn(30, 20), { width: 33, height: 48 }, { width: 72, height: 48, left: 20, top: 0 }],
])('covers a frame with a picture resized first, cut on both sides', (picture, frame, whole) => {
  const { left, top, ...size } = whole
  const resized = resample(picture, size, 'lanczos')
  const covered = coverFrame(picture, frame)
  expect([covered.width, covered.height]).toEqual([frame.width, frame.height])
  for (let y = 0; y < frame.height; y++) {
    const from = ((top + y) * size.width + left) * 3
    const row = covered.data.subarray(y * frame.width * 3, (y + 1) * frame.width * 3)
    expect(row).toEqual(resized.data.subarray(from, from + frame.width * 3))
  }
})
