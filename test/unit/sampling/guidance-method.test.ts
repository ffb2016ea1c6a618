import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  createGuidance,
  emptyGuidanceState,
  type GuidanceState,
  guided,
  startsAtZero,
} from '../../../src/sampling/guidance.ts'
import {
  type GuidanceMethodName,
  type GuidanceMethodOptions,
  guidanceMethod,
} from '../../../src/sampling/guidance-method.ts'
import { hostArithmetic } from '../../../src/tensor/arithmetic.ts'
import { relativeError } from '../../compare.ts'
import { fixture } from '../../fixtures.ts'
import { float32Of, readFixtureTensors } from '../../safetensors-fixture.ts'

interface Run {
  readonly tensor: string
  readonly method: GuidanceMethodName
  readonly scale: number
  readonly rescale: number
  readonly zeroSteps?: number
  readonly eta?: number
  readonly normThreshold?: number
  readonly momentum?: number
}

const folder = 'modules/guidance-methods/guidance-methods'
const { runs } = JSON.parse(readFileSync(fixture(`${folder}.json`), 'utf8')) as {
  readonly runs: readonly Run[]
}
const reference = readFixtureTensors(fixture(`${folder}.safetensors`))
const steps = reference.get('conditional')!.shape[0]!

/** One step's part of a tensor of the reference. */
function at(step: number, name: string): Float32Array {
  const data = float32Of(reference, name)
  const size = data.length / steps
  return data.subarray(step * size, (step + 1) * size)
}

function guidanceOf({ method, scale, rescale, zeroSteps, eta, normThreshold, momentum }: Run) {
  const options = {
    zeroInitSteps: zeroSteps,
    apgEta: eta,
    apgNormThreshold: normThreshold,
    apgMomentum: momentum,
  }
  return createGuidance({ scale, rescale, method: guidanceMethod(method, options) })
}

test.each(runs)("$tensor: every step of the run equals diffusers' guider", async run => {
  const guidance = guidanceOf(run)
  let state: GuidanceState = emptyGuidanceState
  for (let step = 0; step < steps; step++) {
    const expected = at(step, run.tensor)
    if (startsAtZero(guidance, step)) {
      expect(expected.every(value => value === 0)).toBe(true)
      continue
    }
    const result = await guided(
      hostArithmetic,
      guidance,
      { conditional: at(step, 'conditional'), unconditional: at(step, 'unconditional') },
      { latents: new Float32Array(), sigma: 1 },
      state,
    )
    expect(relativeError(result.velocity, expected)).toBeLessThan(1e-6)
    state = structuredClone(result.state)
  }
})

test('the reference runs use every parameter of both methods', () => {
  const values = (name: keyof Run) =>
    new Set(runs.map(run => run[name]).filter(value => value !== undefined)).size
  for (const name of ['zeroSteps', 'eta', 'normThreshold', 'momentum', 'rescale'] as const) {
    expect(values(name)).toBeGreaterThan(1)
  }
})

describe('a guidance method', () => {
  test('is classifier-free unless another is named', () => {
    expect(guidanceMethod()).toEqual({ name: 'cfg' })
    expect(createGuidance({ scale: 2 }).method).toEqual({ name: 'cfg' })
  })

  test('has defaults', () => {
    expect(guidanceMethod('cfg-zero-star')).toEqual({ name: 'cfg-zero-star', zeroInitSteps: 1 })
    expect(guidanceMethod('apg')).toEqual({ name: 'apg', eta: 0, normThreshold: 0, momentum: 0 })
  })

  test('is frozen', () => {
    expect(Object.isFrozen(guidanceMethod('apg'))).toBe(true)
  })

  test.each<[GuidanceMethodName, GuidanceMethodOptions, string]>([
    ['cfg', { apgEta: 0 }, 'apgEta: expected the guidance method apg with it, got cfg.'],
    [
      'apg',
      { zeroInitSteps: 1 },
      'zeroInitSteps: expected the guidance method cfg-zero-star with it, got apg.',
    ],
    ['cfg-zero-star', { zeroInitSteps: 0.5 }, 'zeroInitSteps: expected a whole number from 0, got 0.5.'],
    ['cfg-zero-star', { zeroInitSteps: -1 }, 'zeroInitSteps: expected a whole number from 0, got -1.'],
    ['apg', { apgEta: 1.1 }, 'apgEta: expected a number from 0 to 1, got 1.1.'],
    ['apg', { apgNormThreshold: -2 }, 'apgNormThreshold: expected a number from 0, got -2.'],
    ['apg', { apgMomentum: -1 }, 'apgMomentum: expected a number between -1 and 1, without them, got -1.'],
    ['apg', { apgMomentum: Number.NaN }, 'apgMomentum: expected a number between -1 and 1'],
    ['pag' as GuidanceMethodName, {}, 'guidanceMethod: expected one of cfg, cfg-zero-star, apg, got pag.'],
  ])('%s with %j is refused', (name, options, message) => {
    expect(() => guidanceMethod(name, options)).toThrow(message)
  })
})

test('only CFG-Zero* starts at zero, in as many steps as it says', () => {
  const stepsOf = (method: ReturnType<typeof guidanceMethod>) =>
    [0, 1, 2, 3].filter(step => startsAtZero(createGuidance({ scale: 5, method }), step))
  expect(stepsOf(guidanceMethod('cfg-zero-star', { zeroInitSteps: 2 }))).toEqual([0, 1])
  expect(stepsOf(guidanceMethod('cfg-zero-star', { zeroInitSteps: 0 }))).toEqual([])
  expect(stepsOf(guidanceMethod('apg'))).toEqual([])
  expect(stepsOf(guidanceMethod('cfg'))).toEqual([])
})
