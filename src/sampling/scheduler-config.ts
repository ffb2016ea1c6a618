import { z } from 'zod'
import { CheckpointError } from '../errors.ts'
import { readFlowMatch } from './flow-match-config.ts'
import { createDpm } from './samplers/dpm.ts'
import { euler } from './samplers/euler.ts'
import { lcm } from './samplers/lcm.ts'
import type { Sampler } from './samplers/sampler.ts'
import { createUniPC } from './samplers/unipc.ts'
import { defaultShiftRange, type ShiftCurve } from './schedules/dynamic-shift.ts'
import { type FlowSettings, flowSettings, type Shift } from './schedules/schedule.ts'

/** What a checkpoint's scheduler says. */
export interface SchedulerConfig {
  readonly sampler: Sampler
  readonly flow: FlowSettings
  /** Whether the network is given timesteps as they are asked for, where a shift moves the levels away from them. */
  readonly keepsTimesteps?: boolean
}

/**
 * Reads the contents of a diffusers `scheduler_config.json`. Missing keys have the defaults of the class; keys that
 * do not matter for flow matching are ignored.
 * @throws CheckpointError `checkpoint/config` that names the option, when the class or a value is not supported
 */
export function readSchedulerConfig(config: unknown): SchedulerConfig {
  const { _class_name: name } = parsed(z.object({ _class_name: z.enum(classNames) }), config)
  return readers[name](config as object)
}

const classNames = [
  'UniPCMultistepScheduler',
  'DPMSolverMultistepScheduler',
  'FlowMatchEulerDiscreteScheduler',
  'FlowMatchLCMScheduler',
] as const

const readers: Record<(typeof classNames)[number], (config: object) => SchedulerConfig> = {
  UniPCMultistepScheduler: readUniPC,
  DPMSolverMultistepScheduler: readDpm,
  FlowMatchEulerDiscreteScheduler: config => {
    const { stochastic, flow } = readFlowMatch(config, parsed)
    return { sampler: stochastic ? lcm : euler, flow }
  },
  FlowMatchLCMScheduler: config => {
    return { sampler: lcm, flow: readFlowMatch(config, parsed).flow, keepsTimesteps: true }
  },
}

/** An option that is not supported: it must be off. */
const off = z.literal([false, null])
const unset = z.literal(null)
const terminal = z.number().min(0).lt(1).nullable()

const solverSchema = z.object({
  num_train_timesteps: z.number().int().positive(),
  solver_order: z.number().int().min(1).max(3),
  prediction_type: z.literal('flow_prediction'),
  use_flow_sigmas: z.literal(true),
  flow_shift: z.number().positive(),
  lower_order_final: z.boolean(),
  final_sigmas_type: z.literal('zero'),
  thresholding: off,
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  use_dynamic_shifting: z.boolean(),
})

const solverDefaults = {
  num_train_timesteps: 1000,
  solver_order: 2,
  prediction_type: 'epsilon',
  use_flow_sigmas: false,
  flow_shift: 1,
  lower_order_final: true,
  final_sigmas_type: 'zero',
  thresholding: false,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  use_dynamic_shifting: false,
  time_shift_type: 'exponential',
}

/** Solvers of other classes, for a config that another class has written: diffusers' constructors replace them. */
function replaced(names: Readonly<Record<string, string>>) {
  return (value: unknown) => (typeof value === 'string' ? (names[value] ?? value) : value)
}

const uniPCSchema = solverSchema.extend({
  solver_type: z.preprocess(
    replaced({ midpoint: 'bh2', heun: 'bh2', logrho: 'bh2' }),
    z.enum(['bh1', 'bh2']),
  ),
  predict_x0: z.literal(true),
  disable_corrector: z.array(z.number().int()),
  solver_p: unset,
  time_shift_type: z.enum(['exponential', 'linear']),
  shift_terminal: terminal,
})

const uniPCDefaults = {
  ...solverDefaults,
  solver_type: 'bh2',
  predict_x0: true,
  disable_corrector: [],
  solver_p: null,
  shift_terminal: null,
}

function readUniPC(config: object): SchedulerConfig {
  const options = parsed(uniPCSchema, { ...uniPCDefaults, ...config })
  const sampler = createUniPC({
    order: options.solver_order,
    kind: options.solver_type,
    lowerOrderFinal: options.lower_order_final,
    disabledCorrectors: options.disable_corrector,
  })
  return {
    sampler,
    flow: flowSettings(options.num_train_timesteps, solverShift(options), options.shift_terminal),
  }
}

const dpmSchema = solverSchema.extend({
  solver_type: z.preprocess(
    replaced({ logrho: 'midpoint', bh1: 'midpoint', bh2: 'midpoint' }),
    z.enum(['midpoint', 'heun']),
  ),
  algorithm_type: z.literal('dpmsolver++'),
  use_lu_lambdas: off,
  time_shift_type: z.literal('exponential'),
})

const dpmDefaults = {
  ...solverDefaults,
  solver_type: 'midpoint',
  algorithm_type: 'dpmsolver++',
  use_lu_lambdas: false,
}

function readDpm(config: object): SchedulerConfig {
  const options = parsed(dpmSchema, { ...dpmDefaults, ...config })
  const sampler = createDpm({
    order: options.solver_order,
    kind: options.solver_type,
    lowerOrderFinal: options.lower_order_final,
  })
  return { sampler, flow: flowSettings(options.num_train_timesteps, solverShift(options), null) }
}

/** The solvers' configs name no range for a dynamic shift. */
function solverShift(options: {
  use_dynamic_shifting: boolean
  time_shift_type: ShiftCurve
  flow_shift: number
}): Shift {
  return options.use_dynamic_shifting
    ? { kind: 'dynamic', curve: options.time_shift_type, range: defaultShiftRange }
    : { kind: 'static', shift: options.flow_shift }
}

function parsed<T>(schema: z.ZodType<T>, config: unknown): T {
  const result = schema.safeParse(config)
  if (result.success) return result.data
  throw configError(result.error.issues[0]!, config)
}

function configError(issue: z.core.$ZodIssue, config: unknown): CheckpointError {
  const value = issue.path.reduce<unknown>(
    (parent, key) => (parent as Record<PropertyKey, unknown> | undefined)?.[key],
    config,
  )
  return new CheckpointError('checkpoint/config', {
    subject: ['scheduler_config.json', ...issue.path].join(' '),
    expected: expectation(issue),
    got: JSON.stringify(value) ?? 'nothing',
    advice: 'Other schedulers and options are not supported.',
  })
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return issue.values.map(value => JSON.stringify(value)).join(' or ')
  if (issue.code === 'invalid_type') return `a value of type ${issue.expected}`
  return issue.message
}
