/** scheduler_config.json of diffusers' FlowMatchEulerDiscreteScheduler and FlowMatchLCMScheduler. */
import { z } from 'zod'
import { euler } from '../samplers/euler.ts'
import { lcm, stochasticEuler } from '../samplers/lcm.ts'
import { off } from '../samplers/solver-config.ts'
import { defaultShiftRange } from './dynamic-shift.ts'
import { flowSettings } from './noise-levels.ts'
import type { FlowSettings } from './schedule.ts'

const flowMatchConfig = z.object({
  num_train_timesteps: z.number().int().positive().default(1000),
  shift: z.number().positive().default(1),
  use_dynamic_shifting: z.boolean().default(false),
  time_shift_type: z.enum(['exponential', 'linear']).default('exponential'),
  base_shift: z.number().default(defaultShiftRange.baseShift),
  max_shift: z.number().default(defaultShiftRange.maxShift),
  base_image_seq_len: z.number().default(defaultShiftRange.baseTokens),
  max_image_seq_len: z.number().default(defaultShiftRange.maxTokens),
  shift_terminal: z.number().min(0).lt(1).nullable().default(null),
  stochastic_sampling: z.boolean().default(false),
  scale_factors: z.null().default(null),
  invert_sigmas: off,
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
})

export const flowMatchEulerConfig = flowMatchConfig.transform(config => ({
  sampler: config.stochastic_sampling ? stochasticEuler : euler,
  flow: flowOf(config),
}))

export const flowMatchLcmConfig = flowMatchConfig.transform(config => ({
  sampler: lcm,
  flow: flowOf(config),
}))

function flowOf(config: z.infer<typeof flowMatchConfig>): FlowSettings {
  const range = {
    baseTokens: config.base_image_seq_len,
    maxTokens: config.max_image_seq_len,
    baseShift: config.base_shift,
    maxShift: config.max_shift,
  }
  return flowSettings(config, config.shift, range)
}
