import { expect, test } from 'vitest'
import { solveLinear } from '../../../src/tensor/solve-linear.ts'

test('solves a system whose first pivot is 0, in float32', () => {
  // x + 2y − z = 3, 3y + z = 1, 2x − y = 2, with the rows in an order that needs a swap.
  const found = solveLinear(
    [
      [0, 3, 1],
      [1, 2, -1],
      [2, -1, 0],
    ],
    [1, 3, 2],
  )
  const expected = [14 / 11, 6 / 11, -7 / 11]
  for (const [index, value] of found.entries()) {
    expect(value).toBe(Math.fround(value))
    expect(value).toBeCloseTo(expected[index]!, 6)
  }
})
