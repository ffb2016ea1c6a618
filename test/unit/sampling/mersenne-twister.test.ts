import { expect, test } from 'vitest'
import { createMersenneTwister } from '../../../src/sampling/noise.ts'

test('the stream of the default seed begins as its authors published', () => {
  const draw = createMersenneTwister(5489)
  expect([draw(), draw(), draw()]).toEqual([3499211612, 581869302, 3890346734])
})

test('the 10000th number is the one the C++ standard requires of std::mt19937', () => {
  const draw = createMersenneTwister(5489)
  for (let i = 1; i < 10000; i++) draw()
  expect(draw()).toBe(4123659995)
})

test('streams do not share state', () => {
  const [first, second] = [createMersenneTwister(1), createMersenneTwister(1)]
  first()
  const next = first()
  second()
  expect(second()).toBe(next)
})
