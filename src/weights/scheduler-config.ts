/** scheduler_config.json of a model folder: which solver a checkpoint is sampled with, on which noise levels. */
import { z } from 'zod'
import { CheckpointError } from '../errors.ts'
import { createDpm } from '../sampling/samplers/dpm.ts'
import { euler } from '../sampling/samplers/euler.ts'
import { lcm, stochasticEuler } from '../sampling/samplers/lcm.ts'
import { createUniPC } from '../sampling/samplers/unipc.ts'
import type { SchedulerConfig } from '../sampling/scheduler.ts'
import { defaultShiftRange } from '../sampling/schedules/dynamic-shift.ts'
import type { FlowSettings } from '../sampling/schedules/schedule.ts'

/** An option that is not supported: it must be off. */
const off = z.literal([false, null]).default(false)

/** What the configs of all classes have. */
const flowFields = {
  num_train_timesteps: z.number().int().positive().default(1000),
  use_dynamic_shifting: z.boolean().default(false),
  time_shift_type: z.enum(['exponential', 'linear']).default('exponential'),
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
}

const terminalField = { shift_terminal: z.number().min(0).lt(1).nullable().default(null) }

/** What those of diffusers' multistep solvers, UniPC and DPM-Solver++, have further. */
const solverFields = {
  ...flowFields,
  solver_order: z.number().int().min(1).max(3).default(2),
  prediction_type: z.literal('flow_prediction').prefault('epsilon' as 'flow_prediction'),
  use_flow_sigmas: z.literal(true).prefault(false as true),
  flow_shift: z.number().positive().default(1),
  lower_order_final: z.boolean().default(true),
  final_sigmas_type: z.literal('zero').default('zero'),
  thresholding: off,
}

/**
 * A solver of another class stands for one that there is, in a config that another class has written: diffusers'
 * constructors replace it. The first of the names is the default.
 */
function solverType<const T extends string>(
  names: readonly [T, ...T[]],
  replaced: Readonly<Record<string, T>>,
) {
  return z.preprocess(
    (value = names[0]) => (typeof value === 'string' ? (replaced[value] ?? value) : value),
    z.enum(names),
  )
}

const uniPCConfig = z
  .object({
    ...solverFields,
    solver_type: solverType(['bh2', 'bh1'], { midpoint: 'bh2', heun: 'bh2', logrho: 'bh2' }),
    predict_x0: z.literal(true).default(true),
    disable_corrector: z.array(z.number().int()).default([]),
    solver_p: z.null().default(null),
    ...terminalField,
  })
  .transform(config => ({
    sampler: createUniPC({
      order: config.solver_order,
      kind: config.solver_type,
      lowerOrderFinal: config.lower_order_final,
      disabledCorrectors: config.disable_corrector,
    }),
    flow: flowSettings(config, config.flow_shift),
  }))

const dpmConfig = z
  .object({
    ...solverFields,
    solver_type: solverType(['midpoint', 'heun'], { logrho: 'midpoint', bh1: 'midpoint', bh2: 'midpoint' }),
    algorithm_type: z.literal('dpmsolver++').default('dpmsolver++'),
    use_lu_lambdas: off,
    time_shift_type: z.literal('exponential').default('exponential'),
  })
  .transform(config => ({
    sampler: createDpm({
      order: config.solver_order,
      kind: config.solver_type,
      lowerOrderFinal: config.lower_order_final,
    }),
    flow: flowSettings(config, config.flow_shift),
  }))

const flowMatchConfig = z.object({
  ...flowFields,
  ...terminalField,
  shift: z.number().positive().default(1),
  base_shift: z.number().default(defaultShiftRange.baseShift),
  max_shift: z.number().default(defaultShiftRange.maxShift),
  base_image_seq_len: z.number().default(defaultShiftRange.baseTokens),
  max_image_seq_len: z.number().default(defaultShiftRange.maxTokens),
  stochastic_sampling: z.boolean().default(false),
  scale_factors: z.null().default(null),
  invert_sigmas: off,
})

const flowMatchEulerConfig = flowMatchConfig.transform(config => ({
  sampler: config.stochastic_sampling ? stochasticEuler : euler,
  flow: flowOf(config),
}))

const flowMatchLcmConfig = flowMatchConfig.transform(config => ({ sampler: lcm, flow: flowOf(config) }))

function flowOf(config: z.infer<typeof flowMatchConfig>): FlowSettings {
  const range = {
    baseTokens: config.base_image_seq_len,
    maxTokens: config.max_image_seq_len,
    baseShift: config.base_shift,
    maxShift: config.max_shift,
  }
  return flowSettings(config, config.shift, range)
}

interface FlowConfig extends z.infer<z.ZodObject<typeof flowFields>> {
  readonly shift_terminal?: number | null
}

/**
 * The settings of a config. A terminal level of 0 and none at all both leave the table unstretched.
 * @param shift where it is not dynamic
 * @param range of configs that name one @default that of diffusers' pipelines
 */
function flowSettings(config: FlowConfig, shift: number, range = defaultShiftRange): FlowSettings {
  return {
    trainTimesteps: config.num_train_timesteps,
    shift: config.use_dynamic_shifting
      ? { kind: 'dynamic', curve: config.time_shift_type, range }
      : { kind: 'static', shift },
    shiftTerminal: config.shift_terminal || undefined,
  }
}

/** By class of diffusers. Missing keys have the defaults of the class. */
const configs = {
  UniPCMultistepScheduler: uniPCConfig,
  DPMSolverMultistepScheduler: dpmConfig,
  FlowMatchEulerDiscreteScheduler: flowMatchEulerConfig,
  FlowMatchLCMScheduler: flowMatchLcmConfig,
} satisfies Record<string, z.ZodType<SchedulerConfig>>

const classSchema = z.object({
  _class_name: z.enum(Object.keys(configs) as [keyof typeof configs]),
})

/**
 * Reads the contents of a diffusers `scheduler_config.json`. Keys that do not matter for flow matching are ignored.
 * @throws CheckpointError `checkpoint/config` that names the option, when the class or a value is not supported
 */
export function readSchedulerConfig(config: unknown): SchedulerConfig {
  const { _class_name: name } = parsed(classSchema, config)
  return parsed<SchedulerConfig>(configs[name], config)
}

function parsed<T>(schema: z.ZodType<T>, config: unknown): T {
  const result = schema.safeParse(config, { reportInput: true })
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  throw new CheckpointError('checkpoint/config', {
    subject: ['scheduler_config.json', ...issue.path].join(' '),
    expected: expectation(issue),
    got: JSON.stringify(issue.input) ?? 'nothing',
    advice: 'Other schedulers and options are not supported.',
  })
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return issue.values.map(value => JSON.stringify(value)).join(' or ')
  if (issue.code === 'invalid_type') return `a value of type ${issue.expected}`
  return issue.message
}
