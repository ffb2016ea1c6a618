import { expect, test } from 'vitest'
import { zeroStarVelocity } from '../../../src/sampling/cfg-zero-star.ts'
import { hostArithmetic } from '../../../src/tensor/arithmetic.ts'

test('the unconditional velocity is first brought as near to the conditional one as a scale can', async () => {
  // s* = (1·2 + 3·0) / (2² + 0²) = 0.5, so the guided velocity is [1, 0] + 3 · ([1, 3] − [1, 0]).
  const velocity = await zeroStarVelocity(hostArithmetic, 3, Float32Array.of(1, 3), Float32Array.of(2, 0))
  expect([...velocity].map(value => Number(value.toFixed(6)))).toEqual([1, 9])
})

test('branches that differ by a scale alone give the conditional velocity, however strong the guidance', async () => {
  const velocity = await zeroStarVelocity(
    hostArithmetic,
    7,
    Float32Array.of(2, -4, 6),
    Float32Array.of(1, -2, 3),
  )
  for (const [i, value] of [2, -4, 6].entries()) expect(velocity[i]).toBeCloseTo(value, 5)
})

test('an unconditional velocity of zeros leaves scale times the conditional one', async () => {
  const velocity = await zeroStarVelocity(hostArithmetic, 2, Float32Array.of(1, -3), Float32Array.of(0, 0))
  expect([...velocity]).toEqual([2, -6])
})

test('is a new array', async () => {
  const branches = [Float32Array.of(1, 2), Float32Array.of(3, 5)] as const
  await zeroStarVelocity(hostArithmetic, 2, ...branches)
  expect(branches.map(branch => [...branch])).toEqual([
    [1, 2],
    [3, 5],
  ])
})
