import { expect, test } from 'vitest'
import { areFinite, hostArithmetic, type Term } from '../../../src/tensor/arithmetic.ts'

const { combination } = hostArithmetic

test.each([1, 2, 3, 4, 5])('weighs and sums %i arrays', count => {
  const terms = Array.from({ length: count }, (_, k): Term => [k + 1, Float32Array.of(1, 10 ** k)])
  const sums = terms.map(([weight, values]) => [weight * values[0]!, weight * values[1]!])
  expect([...combination(terms as [Term])]).toEqual([
    sums.reduce((sum, [value]) => sum + value!, 0),
    sums.reduce((sum, [, value]) => sum + value!, 0),
  ])
})

test('rounds once: small terms are not lost against large ones that cancel', () => {
  const [large, small] = [Float32Array.of(1e8), Float32Array.of(1)]
  const sum = combination([
    [1, large],
    [1, small],
    [-1, large],
  ])
  expect([...sum]).toEqual([1])
})

test('no elements give no elements', () => {
  expect(combination([[1, new Float32Array(0)]]).length).toBe(0)
})

test('more terms than any formula has are refused, not left out', () => {
  const term: Term = [1, Float32Array.of(1)]
  expect(() => combination([term, term, term, term, term, term])).toThrow('expected up to 5 terms, got 6.')
})

test('arrays of different lengths are refused', () => {
  const terms = [
    [1, Float32Array.of(1, 2)],
    [1, Float32Array.of(1)],
  ] as const
  expect(() => combination(terms)).toThrow('terms: expected 2 values each, got 1.')
})

test('sums are in double precision', async () => {
  const [large, small] = [Float32Array.of(1e8, 1), Float32Array.of(1, -1)]
  expect(await hostArithmetic.sum(large)).toBe(1e8 + 1)
  expect(await hostArithmetic.innerProduct(large, small)).toBe(1e8 - 1)
  expect(await hostArithmetic.distance(large, small)).toBe(1e8 - 1 + 2)
  expect(await hostArithmetic.distance(small)).toBe(2)
})

test.each([1, 2, 3, 4])('one of %i values that is not finite is found wherever it is', count => {
  expect(areFinite(new Float32Array(count).fill(-3.4e38))).toBe(true)
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (let at = 0; at < count; at++) {
      expect(areFinite(new Float32Array(count).fill(value, at, at + 1))).toBe(false)
    }
  }
})
