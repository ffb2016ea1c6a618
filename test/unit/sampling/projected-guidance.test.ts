import { describe, expect, test } from 'vitest'
import { guidanceMethod, type Projected } from '../../../src/sampling/guidance-method.ts'
import { projectedVelocity } from '../../../src/sampling/projected-guidance.ts'
import { hostArithmetic } from '../../../src/tensor/arithmetic.ts'
import { createGenerator } from '../../../src/tensor/random.ts'

const plain = { name: 'apg', eta: 1, normThreshold: 0, momentum: 0 } as const
const conditional = createGenerator(1).randn(48)
const unconditional = createGenerator(2).randn(48)

/** What guidance of scale 1 adds to the unconditional velocity. */
async function updateOf(method: Projected, average?: Float32Array): Promise<number[]> {
  const { velocity } = await projectedVelocity(hostArithmetic, method, 1, conditional, unconditional, average)
  return [...velocity].map((value, i) => value - unconditional[i]!)
}

const norm = (values: readonly number[]) => Math.hypot(...values)
const along = (values: readonly number[]) =>
  values.reduce((sum, value, i) => sum + value * conditional[i]!, 0)

describe('the update', () => {
  test('with everything kept is the difference of the branches', async () => {
    for (const [i, value] of (await updateOf(plain)).entries()) {
      expect(value).toBeCloseTo(conditional[i]! - unconditional[i]!, 5)
    }
  })

  test('with eta 0 is orthogonal to the conditional velocity', async () => {
    expect(Math.abs(along(await updateOf(plain)))).toBeGreaterThan(1)
    expect(along(await updateOf({ ...plain, eta: 0 }))).toBeCloseTo(0, 4)
  })

  test('with eta between keeps that share of the parallel part', async () => {
    expect(along(await updateOf({ ...plain, eta: 0.25 }))).toBeCloseTo(0.25 * along(await updateOf(plain)), 4)
  })

  test('is cut to the norm when it is larger', async () => {
    expect(norm(await updateOf(plain))).toBeGreaterThan(3)
    expect(norm(await updateOf({ ...plain, normThreshold: 3 }))).toBeCloseTo(3, 5)
  })

  test('is left alone when it is smaller than the norm', async () => {
    expect(await updateOf({ ...plain, normThreshold: 1000 })).toEqual(await updateOf(plain))
  })

  test('of equal branches is nothing, also with a norm', async () => {
    const { velocity } = await projectedVelocity(
      hostArithmetic,
      guidanceMethod('apg', { apgNormThreshold: 2 }) as Projected,
      5,
      conditional,
      conditional,
    )
    for (const [i, value] of velocity.entries()) expect(value).toBeCloseTo(conditional[i]!, 6)
  })

  test('of a conditional velocity of zeros is the whole difference', async () => {
    const zeros = new Float32Array(2)
    const { velocity } = await projectedVelocity(
      hostArithmetic,
      { ...plain, eta: 0 },
      3,
      zeros,
      Float32Array.of(1, -2),
    )
    expect([...velocity]).toEqual([-2, 4])
  })
})

describe('momentum', () => {
  test('adds the differences of the steps before, each weaker by its factor', async () => {
    const method = { ...plain, momentum: -0.5 }
    const step = async (difference: number, average?: Float32Array) => {
      const branches = [Float32Array.of(difference), Float32Array.of(0)] as const
      return (await projectedVelocity(hostArithmetic, method, 1, ...branches, average)).average
    }
    const first = await step(8)
    const second = await step(4, first)
    expect([...first, ...second, ...(await step(2, second))]).toEqual([8, 0, 2])
  })

  test('is taken before the cut to the norm, which later steps do not see', async () => {
    const { average } = await projectedVelocity(
      hostArithmetic,
      { ...plain, normThreshold: 1 },
      1,
      conditional,
      unconditional,
    )
    for (const [i, value] of average.entries())
      expect(value).toBeCloseTo(conditional[i]! - unconditional[i]!, 6)
  })

  test('does not write to what the step before left', async () => {
    const average = Float32Array.of(1, 2)
    await projectedVelocity(
      hostArithmetic,
      { ...plain, momentum: 0.5 },
      2,
      Float32Array.of(1, 1),
      Float32Array.of(0, 0),
      average,
    )
    expect([...average]).toEqual([1, 2])
  })
})
