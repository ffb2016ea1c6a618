import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { FramewrightError } from '../../../src/errors.ts'
import { elementCount } from '../../../src/tensor/dtype.ts'
import {
  createGenerator,
  createMersenneTwister,
  maxSeed,
  type NoiseGenerator,
} from '../../../src/tensor/random.ts'
import { fixture } from '../../fixtures.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'

/** torch's draws, made by torch 2.13 on a CPU with AVX-512; see the README of the reference results. */
interface Draw {
  readonly tensor: string
  readonly function: 'randn' | 'rand'
  readonly shape: readonly number[]
  readonly dtype: 'float32' | 'bfloat16'
}

const { single, sequences } = JSON.parse(readFileSync(fixture('modules/rng/rng.json'), 'utf8')) as {
  readonly single: readonly (Draw & { readonly seed: number })[]
  readonly sequences: readonly { readonly seed: number; readonly draws: readonly Draw[] }[]
}
const reference = readFixtureTensors(fixture('modules/rng/rng.safetensors'))

function draw(generator: NoiseGenerator, { function: kind, dtype, shape }: Draw): Float32Array | Uint16Array {
  const count = elementCount(shape)
  if (kind === 'randn') return dtype === 'float32' ? generator.randn(count) : generator.randnBfloat16(count)
  return dtype === 'float32' ? generator.rand(count) : generator.randBfloat16(count)
}

/** Float32 normals of 16 or more elements come from torch's approximate vector code; everything else is exact. */
function expectEqual(drawn: Float32Array | Uint16Array, listed: Draw): void {
  const expected = reference.get(listed.tensor)!.data as Float32Array | Uint16Array
  const exact = listed.function === 'rand' || listed.dtype === 'bfloat16' || expected.length < 16
  if (exact) {
    expect(drawn).toEqual(expected)
    return
  }
  expect(drawn.length).toBe(expected.length)
  expect(Math.max(...drawn.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-6)
}

describe('a generator equals torch.Generator("cpu")', () => {
  test.each(single)('$function $shape $dtype from seed $seed', listed => {
    expectEqual(draw(createGenerator(listed.seed), listed), listed)
  })

  test.each(sequences)('draw after draw from seed $seed', ({ seed, draws }) => {
    const generator = createGenerator(BigInt(seed))
    for (const listed of draws) expectEqual(draw(generator, listed), listed)
  })
})

describe('seeds', () => {
  test('a number and a bigint are the same seed', () => {
    expect(createGenerator(77).randn(20)).toEqual(createGenerator(77n).randn(20))
  })

  test('the largest seed is accepted, and only its low 32 bits count', () => {
    expect(createGenerator(maxSeed).rand(3)).toEqual(createGenerator(2 ** 32 - 1).rand(3))
  })

  test('different seeds give different noise', () => {
    expect(createGenerator(1).randn(16)).not.toEqual(createGenerator(2).randn(16))
  })

  test.each([-1, -1n, maxSeed + 1n, 0.5, 2 ** 53, Number.NaN])('%s is refused', seed => {
    expect(() => createGenerator(seed)).toThrow(
      expect.objectContaining({
        code: 'request/invalid',
        message: `seed: expected an integer from 0 to 2^64 − 1, got ${seed}. Above 2^53 − 1, pass it as a bigint.`,
      }),
    )
  })

  test('the refusal is one of this package', () => {
    expect.assertions(1)
    try {
      createGenerator(-1)
    } catch (error) {
      expect(FramewrightError.is(error)).toBe(true)
    }
  })
})

test('a million normals have mean 0 and variance 1', () => {
  const values = createGenerator(9).randn(1_000_000)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  expect(Math.abs(mean)).toBeLessThan(0.005)
  expect(Math.abs(variance - 1)).toBeLessThan(0.005)
})

test('an empty draw takes nothing from the stream', () => {
  const generator = createGenerator(5)
  generator.randn(0)
  generator.rand(0)
  expect(generator.randn(3)).toEqual(createGenerator(5).randn(3))
})

test('a generator goes on from where another of its seed was, also between the two of a pair', () => {
  const first = createGenerator(7)
  first.randn(20)
  first.randn(3)
  const position = first.position()
  expect(position.waiting).toBeDefined()
  const second = createGenerator(7, position)
  expect(second.position()).toEqual(position)
  expect(second.randn(5)).toEqual(first.randn(5))
  expect(second.randn(40)).toEqual(first.randn(40))
})

describe('a Mersenne Twister', () => {
  test('begins with the default seed as its authors published', () => {
    const draw = createMersenneTwister(5489)
    expect([draw(), draw(), draw()]).toEqual([3499211612, 581869302, 3890346734])
  })

  test('has as its 10000th number the one that the C++ standard requires of std::mt19937', () => {
    const draw = createMersenneTwister(5489)
    for (let i = 1; i < 10000; i++) draw()
    expect(draw()).toBe(4123659995)
  })

  test('shares no state with another one', () => {
    const [first, second] = [createMersenneTwister(1), createMersenneTwister(1)]
    first()
    const next = first()
    second()
    expect(second()).toBe(next)
  })
})
