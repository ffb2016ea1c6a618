import { describe, expect, test } from 'vitest'
import { readSchedulerConfig } from '../../../src/weights/scheduler-config.ts'
import { ltxConfig, uniPCConfig } from '../sampling/scheduler-reference.ts'

const dpmConfig = uniPCConfig({ _class_name: 'DPMSolverMultistepScheduler' })
const lcmConfig = { _class_name: 'FlowMatchLCMScheduler' }

describe('missing keys have the defaults of the class', () => {
  test('UniPC is of second order', () => {
    const { sampler, flow } = readSchedulerConfig(uniPCConfig())
    expect(sampler).toMatchObject({ name: 'unipc', order: 2, stochastic: false })
    expect(flow).toEqual({
      trainTimesteps: 1000,
      shift: { kind: 'static', shift: 3 },
      shiftTerminal: undefined,
    })
  })

  test('DPM++ is of second order', () => {
    expect(readSchedulerConfig(dpmConfig).sampler).toMatchObject({ name: 'dpm++2m', order: 2 })
  })

  test('Euler does not shift', () => {
    const { sampler, flow } = readSchedulerConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler' })
    expect(sampler).toMatchObject({ name: 'euler', order: 1, stochastic: false })
    expect(flow.shift).toEqual({ kind: 'static', shift: 1 })
  })

  test('LCM draws noise', () => {
    expect(readSchedulerConfig(lcmConfig).sampler).toMatchObject({ name: 'lcm', stochastic: true })
  })
})

test('Euler with stochastic sampling is the sampler lcm', () => {
  expect(readSchedulerConfig({ ...ltxConfig, stochastic_sampling: true }).sampler.name).toBe('lcm')
})

test('a dynamic shift keeps its line and its end', () => {
  expect(readSchedulerConfig(ltxConfig).flow).toEqual({
    trainTimesteps: 1000,
    shift: {
      kind: 'dynamic',
      curve: 'exponential',
      range: { baseTokens: 1024, maxTokens: 4096, baseShift: 0.95, maxShift: 2.05 },
    },
    shiftTerminal: 0.1,
  })
})

describe('what is not supported is refused by name', () => {
  test.each([
    [uniPCConfig(), 'use_karras_sigmas', true],
    [uniPCConfig(), 'use_exponential_sigmas', true],
    [uniPCConfig(), 'use_beta_sigmas', true],
    [uniPCConfig(), 'thresholding', true],
    [uniPCConfig(), 'prediction_type', 'v_prediction'],
    [uniPCConfig(), 'use_flow_sigmas', false],
    [uniPCConfig(), 'final_sigmas_type', 'sigma_min'],
    [uniPCConfig(), 'predict_x0', false],
    [uniPCConfig(), 'solver_p', {}],
    [uniPCConfig(), 'solver_order', 4],
    [uniPCConfig(), 'solver_type', 'bh3'],
    [uniPCConfig(), 'flow_shift', '3'],
    [uniPCConfig(), 'flow_shift', 0],
    [dpmConfig, 'algorithm_type', 'sde-dpmsolver++'],
    [dpmConfig, 'use_lu_lambdas', true],
    [dpmConfig, 'time_shift_type', 'linear'],
    [ltxConfig, 'invert_sigmas', true],
    [ltxConfig, 'use_karras_sigmas', true],
    [ltxConfig, 'shift_terminal', 1],
    [lcmConfig, 'scale_factors', [0.5, 1]],
  ])('%o with %s %j', (config, option, value) => {
    expect(() => readSchedulerConfig({ ...config, [option]: value })).toThrow(
      expect.objectContaining({
        code: 'checkpoint/config',
        message: expect.stringMatching(
          new RegExp(`^scheduler_config\\.json ${option}: expected .+, got .+\\. Other schedulers`),
        ),
      }),
    )
  })

  test('the value that came is part of the message', () => {
    expect(() => readSchedulerConfig(uniPCConfig({ use_karras_sigmas: true }))).toThrow(
      'scheduler_config.json use_karras_sigmas: expected false or null, got true.',
    )
  })

  test('a missing key is judged by its default', () => {
    expect(() => readSchedulerConfig({ _class_name: 'UniPCMultistepScheduler' })).toThrow(
      'scheduler_config.json prediction_type: expected "flow_prediction", got "epsilon".',
    )
  })

  test('another class is answered with the known ones', () => {
    expect(() => readSchedulerConfig({ _class_name: 'DDIMScheduler' })).toThrow(
      'scheduler_config.json _class_name: expected "UniPCMultistepScheduler" or "DPMSolverMultistepScheduler" or ' +
        '"FlowMatchEulerDiscreteScheduler" or "FlowMatchLCMScheduler", got "DDIMScheduler".',
    )
  })

  test.each([null, 'UniPC', 3, []])('%j is no config', config => {
    expect(() => readSchedulerConfig(config)).toThrow(expect.objectContaining({ code: 'checkpoint/config' }))
  })
})

test('null, as diffusers saves an option that is off, is off', () => {
  expect(
    readSchedulerConfig({ ...lcmConfig, use_karras_sigmas: null, scale_factors: null }).sampler.name,
  ).toBe('lcm')
})
