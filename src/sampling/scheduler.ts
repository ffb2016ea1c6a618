import { invalidRequest } from '../errors.ts'
import { createDpm } from './samplers/dpm.ts'
import { euler } from './samplers/euler.ts'
import { lcm } from './samplers/lcm.ts'
import { type Sampler, type SamplerName, samplerNames } from './samplers/sampler.ts'
import { createUniPC } from './samplers/unipc.ts'
import { checkSpacing } from './schedules/noise-levels.ts'
import type { FlowSettings, Schedule, ScheduleRequest } from './schedules/schedule.ts'

/** The samplers, with the defaults of their diffusers classes. */
const samplers: Record<SamplerName, () => Sampler> = {
  unipc: createUniPC,
  'dpm++2m': createDpm,
  euler: () => euler,
  lcm: () => lcm,
}

/** What a checkpoint's scheduler says. */
export interface SchedulerConfig {
  readonly sampler: Sampler
  /** What the levels are made from; `shift.kind` tells whether a schedule needs the number of tokens. */
  readonly flow: FlowSettings
}

/** How a checkpoint is sampled: a solver, and the noise levels it visits. */
export interface Scheduler extends SchedulerConfig {
  /**
   * The levels of a run.
   * @throws RequestError `request/invalid` when the spacing is wrong, a dynamic shift lacks tokens and mu, or the
   *   levels are too close together for float32;
   *   `request/unsupported` when the sampler is not defined on given sigmas or timesteps
   */
  schedule(request: ScheduleRequest): Schedule
}

/** What a request may change about a checkpoint's scheduler. */
export interface SchedulerOverrides {
  /** Another solver, with the defaults of its diffusers class, on the checkpoint's own shift. */
  readonly sampler?: SamplerName | undefined
  /** A static shift instead of the checkpoint's, static or dynamic. */
  readonly shift?: number | undefined
}

/**
 * The scheduler of a checkpoint.
 * @throws RequestError `request/invalid` when an override is not one there is, `request/unsupported` when the sampler
 *   cannot be used with this checkpoint
 */
export function createScheduler(config: SchedulerConfig, overrides: SchedulerOverrides = {}): Scheduler {
  const { shift } = overrides
  const flow = shift === undefined ? config.flow : { ...config.flow, shift: staticShift(shift) }
  const sampler = chosenSampler(config, overrides.sampler)
  sampler.checkShift?.(flow)
  return {
    sampler,
    flow,
    schedule(request) {
      checkSpacing(request, flow.trainTimesteps)
      const schedule = sampler.schedule(request.asGiven ? unshifted(flow) : flow, request)
      checkLevels(schedule)
      return schedule
    },
  }
}

function unshifted({ trainTimesteps }: FlowSettings): FlowSettings {
  return { trainTimesteps, shift: { kind: 'static', shift: 1 }, shiftTerminal: undefined }
}

function staticShift(shift: number) {
  if (Number.isFinite(shift) && shift > 0) return { kind: 'static', shift } as const
  throw invalidRequest('shift', 'a number above 0', shift)
}

/** Naming the checkpoint's own sampler keeps the options that its config sets. */
function chosenSampler({ sampler }: SchedulerConfig, name: SamplerName | undefined): Sampler {
  if (name === undefined || name === sampler.name) return sampler
  if (samplerNames.includes(name)) return samplers[name]()
  throw invalidRequest('sampler', `one of ${samplerNames.join(', ')}`, name)
}

/** A solver divides by the difference of two levels: with a very large shift, many steps end up on the same one. */
function checkLevels({ sigmas }: Schedule): void {
  const step = sigmas.findIndex((sigma, i) => i > 0 && !(sigma < sigmas[i - 1]!))
  if (step === -1) return
  throw invalidRequest(
    'schedule',
    'noise levels that fall from step to step',
    `${sigmas[step - 1]} and then ${sigmas[step]} at step ${step}`,
    'Use fewer steps or a smaller shift.',
  )
}
