import { expect, test } from 'vitest'
import { mapArrays } from '../../../src/tensor/state-arrays.ts'

test('the arrays of plain data are mapped with the stream whose entry they are in, and the rest stays', () => {
  const [a, b, c, d] = [1, 2, 3, 4].map(value => Float32Array.of(value))
  const data = {
    step: 3,
    waiting: undefined,
    streams: [
      { latents: a, history: { denoised: [b, b], order: 2 } },
      { latents: c, history: { denoised: [] } },
    ],
    cache: { velocities: { conditional: [a, d] } },
  }
  const found = mapArrays<Float32Array>(data, (array, stream) => `${array[0]} of ${stream}`)
  expect(found).toEqual({
    step: 3,
    waiting: undefined,
    streams: [
      { latents: '1 of 0', history: { denoised: ['2 of 0', '2 of 0'], order: 2 } },
      { latents: '3 of 1', history: { denoised: [] } },
    ],
    cache: { velocities: { conditional: ['1 of 0', '4 of 1'] } },
  })
  expect(data.streams[0]!.latents).toBe(a)
})
