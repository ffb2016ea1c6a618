import { RequestError } from '../errors.ts'
import { createDpm } from './samplers/dpm.ts'
import { euler } from './samplers/euler.ts'
import { lcm } from './samplers/lcm.ts'
import { type Sampler, type SamplerName, samplerNames } from './samplers/sampler.ts'
import { createUniPC } from './samplers/unipc.ts'
import { readSchedulerConfig, type SchedulerConfig } from './scheduler-config.ts'
import { dpmSchedule } from './schedules/dpm.ts'
import { flowMatchSchedule } from './schedules/flow-match.ts'
import { checkSpacing, type FlowSettings, type Schedule, type ScheduleRequest } from './schedules/schedule.ts'
import { uniPCSchedule } from './schedules/unipc.ts'

/** How a checkpoint is sampled: a solver, and the noise levels it visits. */
export interface Scheduler {
  readonly sampler: Sampler
  /** What the levels are made from; `flow.shift.kind` tells whether a schedule needs the number of tokens. */
  readonly flow: FlowSettings
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
  readonly sampler?: SamplerName
  /** A static shift instead of the checkpoint's, static or dynamic. */
  readonly shift?: number
}

/**
 * The scheduler of a checkpoint.
 * @param config contents of a diffusers scheduler_config.json
 * @throws CheckpointError `checkpoint/config` when its class or an option is not supported
 * @throws RequestError `request/invalid` when an override is not one there is, `request/unsupported` when the sampler
 *   cannot be used with this checkpoint
 */
export function readScheduler(config: unknown, overrides: SchedulerOverrides = {}): Scheduler {
  const read = readSchedulerConfig(config)
  const flow =
    overrides.shift === undefined ? read.flow : { ...read.flow, shift: staticShift(overrides.shift) }
  const sampler = chosenSampler(read, overrides.sampler)
  checkCombination(sampler, flow)
  // One that is named in its place is of the class that the checkpoint does not have.
  const keepsTimesteps = sampler === read.sampler ? read.keepsTimesteps : sampler.name === 'lcm'
  return {
    sampler,
    flow,
    schedule(request) {
      checkSpacing(request, flow.trainTimesteps)
      const schedule = schedules[sampler.name](request.asGiven ? unshifted(flow) : flow, request)
      checkLevels(schedule)
      if (!keepsTimesteps || !('timesteps' in request)) return schedule
      return { ...schedule, timesteps: Float32Array.from(request.timesteps) }
    },
  }
}

function unshifted({ trainTimesteps }: FlowSettings): FlowSettings {
  return { trainTimesteps, shift: { kind: 'static', shift: 1 }, shiftTerminal: undefined }
}

function staticShift(shift: number) {
  if (Number.isFinite(shift) && shift > 0) return { kind: 'static', shift } as const
  throw new RequestError('request/invalid', {
    subject: 'shift',
    expected: 'a number above 0',
    got: String(shift),
  })
}

/** Naming the checkpoint's own sampler keeps the options that its config sets. */
function chosenSampler({ sampler }: SchedulerConfig, name: SamplerName | undefined): Sampler {
  if (name === undefined || name === sampler.name) return sampler
  if (samplerNames.includes(name)) return samplers[name]()
  throw new RequestError('request/invalid', {
    subject: 'sampler',
    expected: `one of ${samplerNames.join(', ')}`,
    got: String(name),
  })
}

const samplers: Record<SamplerName, () => Sampler> = {
  unipc: createUniPC,
  'dpm++2m': createDpm,
  euler: () => euler,
  lcm: () => lcm,
}

/** DPM++ has no terminal stretch and only the exponential curve: its table would not be the checkpoint's. */
function checkCombination(sampler: Sampler, { shift, shiftTerminal }: FlowSettings): void {
  if (sampler.name !== 'dpm++2m') return
  if (shiftTerminal === undefined && !(shift.kind === 'dynamic' && shift.curve === 'linear')) return
  throw new RequestError('request/unsupported', {
    subject: 'sampler',
    expected: 'unipc, euler or lcm, for this checkpoint shifts its noise levels in a way that DPM++ does not',
    got: sampler.name,
  })
}

/** A solver divides by the difference of two levels: with a very large shift, many steps end up on the same one. */
function checkLevels({ sigmas }: Schedule): void {
  const step = sigmas.findIndex((sigma, i) => i > 0 && !(sigma < sigmas[i - 1]!))
  if (step === -1) return
  throw new RequestError('request/invalid', {
    subject: 'schedule',
    expected: 'noise levels that fall from step to step',
    got: `${sigmas[step - 1]} and then ${sigmas[step]} at step ${step}`,
    advice: 'Use fewer steps or a smaller shift.',
  })
}

const schedules: Record<SamplerName, (flow: FlowSettings, request: ScheduleRequest) => Schedule> = {
  unipc: (flow, request) => {
    if ('timesteps' in request) throw unsupportedSpacing('steps or sigmas', 'timesteps', 'unipc')
    return uniPCSchedule(flow, request)
  },
  'dpm++2m': (flow, request) => {
    if ('steps' in request) return dpmSchedule(flow, request)
    throw unsupportedSpacing('steps', 'sigmas' in request ? 'sigmas' : 'timesteps', 'dpm++2m')
  },
  euler: flowMatchSchedule,
  lcm: flowMatchSchedule,
}

function unsupportedSpacing(expected: string, got: string, sampler: SamplerName): RequestError {
  return new RequestError('request/unsupported', {
    subject: 'schedule',
    expected: `${expected} for the sampler ${sampler}`,
    got,
    advice: 'Use the sampler euler.',
  })
}
