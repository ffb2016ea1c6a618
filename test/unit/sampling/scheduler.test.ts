import { describe, expect, test } from 'vitest'
import type { SamplerName } from '../../../src/sampling/samplers/sampler.ts'
import { linearQuadraticSigmas, linearSigmas } from '../../../src/sampling/schedules/spacings.ts'
import { float32Of } from '../../safetensors-fixture.ts'
import {
  ltxConfig,
  readScheduler,
  requestOf,
  schedulerOf,
  schedulerTensors,
  tables,
  uniPCConfig,
} from './scheduler-reference.ts'

describe('the levels equal those of diffusers, to the bit', () => {
  test.each(tables)('$key', listed => {
    const schedule = schedulerOf(listed).schedule(requestOf(listed))
    const timesteps = schedulerTensors.get(`table.${listed.key}.timesteps`)!.data
    expect(schedule.sigmas).toEqual(float32Of(schedulerTensors, `table.${listed.key}.sigmas`))
    expect(Array.from(schedule.timesteps)).toEqual(Array.from(timesteps as Iterable<number>, Number))
  })

  test.each(tables.filter(({ key }) => key.includes('.linear_quadratic.')))(
    '$key from a number of steps',
    listed => {
      const given = requestOf(listed) as { timesteps: readonly number[] }
      const sigmas = linearQuadraticSigmas(given.timesteps.length)
      expect(sigmas.map(sigma => Math.fround(sigma * 1000))).toEqual(given.timesteps)
    },
  )

  test.each(tables.filter(({ key }) => key.includes('.dynamic.mu')))(
    '$key from a number of steps',
    listed => {
      const given = requestOf(listed) as { sigmas: readonly number[] }
      expect(linearSigmas(given.sigmas.length)).toEqual(given.sigmas)
    },
  )
})

describe('a dynamic shift', () => {
  const scheduler = readScheduler(ltxConfig)

  test('follows from the number of tokens on the line of the config', () => {
    const sigmas = linearSigmas(5)
    const between = scheduler.schedule({ sigmas, tokens: 2560 })
    expect(between).toEqual(scheduler.schedule({ sigmas, mu: 1.5 }))
    expect(between).not.toEqual(scheduler.schedule({ sigmas, tokens: 1024 }))
  })

  test('is refused without tokens and mu', () => {
    expect(() => scheduler.schedule({ steps: 4 })).toThrow(
      'schedule: expected tokens or mu, for a shift that depends on the size of the video, got neither.',
    )
  })

  test('of a single step is not stretched: it starts at 1 and ends at 0', () => {
    expect([...scheduler.schedule({ steps: 1, mu: 1 }).sigmas]).toEqual([1, 0])
  })

  test.each(['unipc', 'dpm++2m'] as const)('of e^mu is the static shift e^mu for %s', sampler => {
    const dynamic = readScheduler(uniPCConfig({ use_dynamic_shifting: true }), { sampler })
    const fixed = readScheduler(uniPCConfig({ flow_shift: Math.exp(1.2) }), { sampler })
    const [actual, expected] = [dynamic.schedule({ steps: 7, mu: 1.2 }), fixed.schedule({ steps: 7 })]
    for (const [i, sigma] of actual.sigmas.entries()) expect(sigma).toBeCloseTo(expected.sigmas[i]!, 6)
  })

  test('with the linear curve shifts by mu itself', () => {
    const linear = readScheduler({ ...ltxConfig, shift_terminal: null, time_shift_type: 'linear' })
    const { sigmas } = linear.schedule({ sigmas: [1, 0.5], mu: 3 })
    expect([...sigmas]).toEqual([1, 0.75, 0])
  })
})

test("levels that are the run's as they are given are neither shifted nor stretched", () => {
  const stretched = { ...ltxConfig, use_dynamic_shifting: true, shift_terminal: 0.1 }
  const sigmas = [1, 0.725, 0.421875]
  const { sigmas: levels, timesteps } = readScheduler(stretched).schedule({
    sigmas,
    asGiven: true,
    tokens: 9,
  })
  expect([...levels]).toEqual([1, Math.fround(0.725), 0.421875, 0])
  expect([...timesteps]).toEqual([1000, Math.fround(0.725) * 1000, 421.875].map(Math.fround))
  expect([...readScheduler(stretched).schedule({ sigmas, tokens: 9 }).sigmas]).not.toEqual([...levels])
})

describe('overrides', () => {
  test('none: the checkpoint decides', () => {
    expect(readScheduler(uniPCConfig()).sampler.name).toBe('unipc')
    expect(readScheduler(uniPCConfig()).flow.shift).toEqual({ kind: 'static', shift: 3 })
  })

  test.each([
    ['euler', 'FlowMatchEulerDiscreteScheduler', { shift: 3 }],
    ['lcm', 'FlowMatchLCMScheduler', { shift: 3 }],
    ['dpm++2m', 'DPMSolverMultistepScheduler', uniPCConfig()],
  ] as const)('sampler %s takes over the shift of the checkpoint', (sampler, name, config) => {
    const overridden = readScheduler(uniPCConfig(), { sampler })
    const own = readScheduler({ ...config, _class_name: name })
    expect(overridden.sampler.name).toBe(sampler)
    expect(overridden.schedule({ steps: 6 })).toEqual(own.schedule({ steps: 6 }))
  })

  test("naming the checkpoint's own sampler keeps the options of its config", () => {
    const scheduler = readScheduler(uniPCConfig({ solver_order: 3 }), { sampler: 'unipc' })
    expect(scheduler.sampler.order).toBe(3)
  })

  test('shift replaces a static shift', () => {
    const scheduler = readScheduler(uniPCConfig(), { shift: 8 })
    expect(scheduler.schedule({ steps: 4 })).toEqual(
      readScheduler(uniPCConfig({ flow_shift: 8 })).schedule({ steps: 4 }),
    )
  })

  test('shift replaces a dynamic shift, which then needs no tokens', () => {
    const scheduler = readScheduler({ ...ltxConfig, shift_terminal: null }, { shift: 3 })
    expect([...scheduler.schedule({ sigmas: [1, 0.5] }).sigmas]).toEqual([1, 0.75, 0])
  })

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('shift %s is refused', shift => {
    expect(() => readScheduler(uniPCConfig(), { shift })).toThrow('shift: expected a number above 0')
  })

  test('a sampler that does not exist is refused with those that do', () => {
    expect(() => readScheduler(uniPCConfig(), { sampler: 'ddim' as SamplerName })).toThrow(
      'sampler: expected one of unipc, euler, dpm++2m, lcm, got ddim.',
    )
  })

  test('DPM++ is refused on a checkpoint whose levels it cannot place', () => {
    expect(() => readScheduler(ltxConfig, { sampler: 'dpm++2m' })).toThrow(
      expect.objectContaining({ code: 'request/unsupported' }),
    )
  })
})

describe('spacing', () => {
  test.each([0, -3, 2.5, Number.NaN])('%s steps are refused', steps => {
    expect(() => readScheduler(uniPCConfig()).schedule({ steps })).toThrow(
      `steps: expected a positive whole number, got ${steps}.`,
    )
  })

  test.each([[[]], [[0.5, 0.75]], [[0.5, 0.5]], [[1.5, 1]], [[1, 0]], [[Number.NaN]]])(
    'sigmas %j are refused',
    sigmas => {
      expect(() => readScheduler(uniPCConfig()).schedule({ sigmas })).toThrow(
        `sigmas: expected falling numbers above 0 and up to 1, got [${sigmas.join(', ')}].`,
      )
    },
  )

  test('timesteps are bounded by the training', () => {
    expect(() => readScheduler(ltxConfig).schedule({ timesteps: [1001], mu: 1 })).toThrow(
      'timesteps: expected falling numbers above 0 and up to 1000, got [1001].',
    )
  })

  test.each([
    ['FlowMatchLCMScheduler', [1000, 757, 522]],
    ['FlowMatchEulerDiscreteScheduler', [1000, 903.3413696289062, 766.144775390625]],
  ])(
    '%s gives the network the timesteps of diffusers’ set_timesteps(timesteps=…)',
    (_class_name, expected) => {
      const { timesteps, sigmas } = readScheduler({ _class_name, shift: 3 }).schedule({
        timesteps: [1000, 757, 522],
      })
      expect([...timesteps]).toEqual(expected.map(Math.fround))
      expect([...sigmas]).toEqual([1, 0.9033413529396057, 0.7661447525024414, 0].map(Math.fround))
    },
  )

  test.each([
    ['unipc', { timesteps: [1000, 500] }],
    ['dpm++2m', { timesteps: [1000, 500] }],
    ['dpm++2m', { sigmas: [1, 0.5] }],
  ] as const)('%s refuses %j, for which there is no reference', (sampler, request) => {
    expect(() => readScheduler(uniPCConfig(), { sampler }).schedule(request)).toThrow(
      expect.objectContaining({ code: 'request/unsupported' }),
    )
  })

  test('levels that fall together in float32 are refused, not solved to NaN', () => {
    expect(() => readScheduler(uniPCConfig(), { shift: 1e5 }).schedule({ steps: 100 })).toThrow(
      /expected noise levels that fall from step to step, got .* Use fewer steps or a smaller shift\./,
    )
  })
})
