import { expect, test } from 'vitest'
import { linearQuadraticSigmas, linearSigmas } from '../../../../src/sampling/schedules/spacings.ts'
import { linspace } from '../../../../src/tensor/arithmetic.ts'

test('linspace includes both ends', () => {
  expect(linspace(0, 1, 5)).toEqual([0, 0.25, 0.5, 0.75, 1])
  expect(linspace(1, 1 / 3, 3).at(-1)).toBe(1 / 3)
})

test('linspace of one number is the start', () => {
  expect(linspace(3, 9, 1)).toEqual([3])
})

test('linear sigmas fall from 1 to one step above 0', () => {
  expect(linearSigmas(4)).toEqual([1, 0.75, 0.5, 0.25])
  expect(linearSigmas(1)).toEqual([1])
})

test.each([2, 3, 7, 40, 41])('linear-quadratic sigmas of %i steps fall strictly from 1', steps => {
  const sigmas = linearQuadraticSigmas(steps)
  expect(sigmas.length).toBe(steps)
  expect(sigmas[0]).toBe(1)
  expect(sigmas.every((sigma, i) => sigma > 0 && (i === 0 || sigma < sigmas[i - 1]!))).toBe(true)
})

test('linear-quadratic sigmas of one step are 1', () => {
  expect(linearQuadraticSigmas(1)).toEqual([1])
})
