/** What configs of diffusers' multistep solvers, UniPC and DPM-Solver++, have in common. */
import { z } from 'zod'

/** An option that is not supported: it must be off. */
export const off = z.literal([false, null]).default(false)

export const solverFields = {
  num_train_timesteps: z.number().int().positive().default(1000),
  solver_order: z.number().int().min(1).max(3).default(2),
  prediction_type: z.literal('flow_prediction').prefault('epsilon' as 'flow_prediction'),
  use_flow_sigmas: z.literal(true).prefault(false as true),
  flow_shift: z.number().positive().default(1),
  lower_order_final: z.boolean().default(true),
  final_sigmas_type: z.literal('zero').default('zero'),
  thresholding: off,
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  use_dynamic_shifting: z.boolean().default(false),
}

/**
 * A solver of another class stands for one that there is, in a config that another class has written: diffusers'
 * constructors replace it. The first of the names is the default.
 */
export function solverType<const T extends string>(
  names: readonly [T, ...T[]],
  replaced: Readonly<Record<string, T>>,
) {
  return z.preprocess(
    (value = names[0]) => (typeof value === 'string' ? (replaced[value] ?? value) : value),
    z.enum(names),
  )
}
