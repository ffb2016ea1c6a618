import { describe, expect, test } from 'vitest'
import { Mosaic } from '../../../src/pipeline/mosaic.ts'

/** Two planes of 2 × 5 pixels, of two tiles that are 3 wide and overlap by one. */
const shape = { outer: 2, inner: 1, height: 2, width: 5 }
const tile = (first: number) => Float32Array.from({ length: 12 }, (_, index) => first + index)
const fade = Float32Array.of(0.5, 1, 1)
const solid = new Float32Array(3).fill(1)

describe('a mosaic', () => {
  test('has tiles beside each other, the second one faded in over the first', () => {
    const mosaic = new Mosaic(shape, length => new Float32Array(length))
    mosaic.pasteTile(tile(0), 0, 0, solid)
    mosaic.pasteTile(tile(100), 0, 2, fade)
    expect([...mosaic.pixels].map(each => each.toString())).toEqual(
      '0 1 51 101 102 3 4 54 104 105 6 7 57 107 108 9 10 60 110 111'.split(' '),
    )
  })

  test('rounds bytes where they are mixed, and keeps them where they are not', () => {
    const bytes = new Mosaic({ outer: 1, inner: 2, height: 1, width: 3 }, length => new Uint8Array(length))
    bytes.pasteTile(Uint8Array.of(10, 20, 30, 40), 0, 0, Float32Array.of(1, 1))
    bytes.pasteTile(Uint8Array.of(13, 25, 7, 8), 0, 1, Float32Array.of(0.25, 1))
    expect([...bytes.pixels]).toEqual([10, 20, 26, 36, 7, 8])
  })

  test('has rows below each other, those of a weight of 0 left out', () => {
    const mosaic = new Mosaic({ ...shape, outer: 1, height: 3 }, length => new Float32Array(length))
    const rows = [1, 2].map(value => {
      const row = mosaic.row(2)
      row.pasteTile(new Float32Array(10).fill(value), 0, 0, new Float32Array(5).fill(1))
      return row
    })
    mosaic.pasteRow(rows[0]!, 0, Float32Array.of(1, 1))
    mosaic.pasteRow(rows[1]!, 1, Float32Array.of(0, 1))
    expect([0, 5, 10].map(at => mosaic.pixels[at])).toEqual([1, 1, 2])
  })

  test('of tiles without data has none', () => {
    const mosaic = new Mosaic(shape, length => new Float32Array(length))
    const row = mosaic.row(1)
    row.pasteTile(new Float32Array(), 0, 0, solid)
    mosaic.pasteRow(row, 0, Float32Array.of(1))
    expect(mosaic.pixels).toHaveLength(0)
  })
})
