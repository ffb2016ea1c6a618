import { expect, test } from 'vitest'
import { cropToShape } from '../../../src/media/crop.ts'

/** A picture whose red level is the column and whose green level is the row. */
function numbered(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const pixel = Math.floor(at / 3)
    return [pixel % width, Math.floor(pixel / width), 0][at % 3]!
  })
  return { width, height, data }
}

test.each([
  [
    { width: 16, height: 9 },
    { width: 80, height: 48 },
    { width: 15, height: 9, left: 0, top: 0 },
  ],
  [
    { width: 9, height: 16 },
    { width: 32, height: 32 },
    { width: 9, height: 9, left: 0, top: 3 },
  ],
  [
    { width: 12, height: 4 },
    { width: 96, height: 32 },
    { width: 12, height: 4, left: 0, top: 0 },
  ],
  [
    { width: 100, height: 1 },
    { width: 16, height: 16 },
    { width: 1, height: 1, left: 49, top: 0 },
  ],
])('the middle of %o in the shape of %o is %o', (from, shape, { left, top, ...size }) => {
  const cut = cropToShape(numbered(from.width, from.height), shape)
  expect({ width: cut.width, height: cut.height }).toEqual(size)
  expect(Array.from(cut.data.subarray(0, 2))).toEqual([left, top])
  expect(Array.from(cut.data.slice(-3, -1))).toEqual([left + size.width - 1, top + size.height - 1])
})
