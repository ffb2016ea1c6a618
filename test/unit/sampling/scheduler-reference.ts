import { readFileSync } from 'node:fs'
import { createScheduler, type Scheduler, type SchedulerOverrides } from '../../../src/sampling/scheduler.ts'
import type { ScheduleRequest } from '../../../src/sampling/schedules/schedule.ts'
import { readSchedulerConfig } from '../../../src/weights/scheduler-config.ts'
import { fixture } from '../../fixtures.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'

/** A scheduler of diffusers and how its table was made. */
export interface SchedulerCase {
  readonly key: string
  readonly scheduler: string
  readonly config: object
  readonly set_timesteps: {
    readonly num_inference_steps?: number
    readonly sigmas?: readonly number[]
    readonly timesteps?: readonly number[]
    readonly mu?: number
  }
}

/** A run of `step` over recorded model outputs. */
export interface RunCase extends SchedulerCase {
  readonly step_generator_seed: number | null
}

/** Made by diffusers 0.40.0.dev0 on the CPU in float32. */
export const { tables, runs } = JSON.parse(
  readFileSync(fixture('modules/schedulers/schedulers.json'), 'utf8'),
) as { readonly tables: readonly SchedulerCase[]; readonly runs: readonly RunCase[] }

export const schedulerTensors = readFixtureTensors(fixture('modules/schedulers/schedulers.safetensors'))

/** The scheduler of a config as diffusers writes it. */
export function readScheduler(config: object, overrides?: SchedulerOverrides): Scheduler {
  return createScheduler(readSchedulerConfig(config), overrides)
}

export function schedulerOf({ scheduler, config }: SchedulerCase): Scheduler {
  return readScheduler({ _class_name: scheduler, ...config })
}

/** The arguments of diffusers' set_timesteps as a request. */
export function requestOf({ set_timesteps }: SchedulerCase): ScheduleRequest {
  const { num_inference_steps: steps, ...given } = set_timesteps
  return (steps === undefined ? given : { steps, ...given }) as ScheduleRequest
}

/** A config as the Wan checkpoints have it; missing keys have their class's defaults. */
export function uniPCConfig(options: object = {}): object {
  return {
    _class_name: 'UniPCMultistepScheduler',
    prediction_type: 'flow_prediction',
    use_flow_sigmas: true,
    flow_shift: 3,
    ...options,
  }
}

/** The scheduler of LTX 0.9.1: shifted by the number of tokens and stretched to end at 0.1. */
export const ltxConfig = {
  _class_name: 'FlowMatchEulerDiscreteScheduler',
  use_dynamic_shifting: true,
  base_shift: 0.95,
  max_shift: 2.05,
  base_image_seq_len: 1024,
  max_image_seq_len: 4096,
  shift_terminal: 0.1,
}
