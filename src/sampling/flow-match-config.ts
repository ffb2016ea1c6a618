/** scheduler_config.json of diffusers' FlowMatchEulerDiscreteScheduler and FlowMatchLCMScheduler. */
import { z } from 'zod'
import type { ShiftRange } from './schedules/dynamic-shift.ts'
import { type FlowSettings, flowSettings, type Shift } from './schedules/schedule.ts'

/** An option that is not supported: it must be off. */
const off = z.literal([false, null])

const flowMatchSchema = z.object({
  num_train_timesteps: z.number().int().positive(),
  shift: z.number().positive(),
  use_dynamic_shifting: z.boolean(),
  time_shift_type: z.enum(['exponential', 'linear']),
  base_shift: z.number(),
  max_shift: z.number(),
  base_image_seq_len: z.number(),
  max_image_seq_len: z.number(),
  shift_terminal: z.number().min(0).lt(1).nullable(),
  stochastic_sampling: z.boolean(),
  scale_factors: z.literal(null),
  invert_sigmas: off,
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
})

const flowMatchDefaults = {
  num_train_timesteps: 1000,
  shift: 1,
  use_dynamic_shifting: false,
  time_shift_type: 'exponential',
  base_shift: 0.5,
  max_shift: 1.15,
  base_image_seq_len: 256,
  max_image_seq_len: 4096,
  shift_terminal: null,
  stochastic_sampling: false,
  scale_factors: null,
  invert_sigmas: false,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
}

/**
 * What the config of a flow-matching scheduler says.
 * @param parsed reads a config by a schema, or throws
 */
export function readFlowMatch(
  config: object,
  parsed: <T>(schema: z.ZodType<T>, config: unknown) => T,
): { readonly stochastic: boolean; readonly flow: FlowSettings } {
  const options = parsed(flowMatchSchema, { ...flowMatchDefaults, ...config })
  const range: ShiftRange = {
    baseTokens: options.base_image_seq_len,
    maxTokens: options.max_image_seq_len,
    baseShift: options.base_shift,
    maxShift: options.max_shift,
  }
  const shift: Shift = options.use_dynamic_shifting
    ? { kind: 'dynamic', curve: options.time_shift_type, range }
    : { kind: 'static', shift: options.shift }
  const flow = flowSettings(options.num_train_timesteps, shift, options.shift_terminal)
  return { stochastic: options.stochastic_sampling, flow }
}
