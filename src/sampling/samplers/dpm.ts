import { RequestError } from '../../errors.ts'
import type { Term } from '../../tensor/arithmetic.ts'
import { linspace } from '../../tensor/arithmetic.ts'
import { muOf } from '../schedules/dynamic-shift.ts'
import { float64, scheduleOf, shiftStatically } from '../schedules/noise-levels.ts'
import {
  type FlowSettings,
  type Schedule,
  type ScheduleRequest,
  unsupportedSpacing,
} from '../schedules/schedule.ts'
import type { Sampler, SamplerStep } from './sampler.ts'
import { checkStep, denoisedBy, halfLogSnr, signalOf } from './step-formulas.ts'

export interface DpmOptions {
  readonly order: number
  /** How the second order weighs the last two estimates. */
  readonly kind: 'midpoint' | 'heun'
  /** With fewer than 15 steps, the last but one goes no higher than second order. */
  readonly lowerOrderFinal: boolean
}

export const defaultDpmOptions: DpmOptions = { order: 2, kind: 'midpoint', lowerOrderFinal: true }

const { fround } = Math

/**
 * DPM-Solver++ multistep, orders 1 to 3 (Lu et al., https://arxiv.org/abs/2211.01095; diffusers'
 * DPMSolverMultistepScheduler, algorithm dpmsolver++). The step to sigma 0 is of first order.
 */
export function createDpm(options: DpmOptions = defaultDpmOptions): Sampler {
  const sampler: Sampler = {
    name: 'dpm++2m',
    order: options.order,
    stochastic: false,
    checkShift,
    schedule,
    step(on, state) {
      checkStep(sampler, state)
      const { latents, velocity, step, schedule, history } = state
      const denoised = denoisedBy(on, latents, velocity, schedule.sigmas[step]!)
      const estimates = [denoised, ...history.denoised] as const
      const terms = advance(orderOf(options, state), options.kind, schedule.sigmas, step)
      return {
        latents: on.combination([
          [terms.latents, latents],
          ...terms.estimates.map((weight, i): Term<typeof latents> => [weight, estimates[i]!]),
        ]),
        history: { denoised: estimates.slice(0, options.order - 1) },
      }
    },
  }
  return Object.freeze(sampler)
}

function orderOf<V>(
  { order, lowerOrderFinal }: DpmOptions,
  { step, schedule, history }: SamplerStep<V>,
): number {
  const remaining = schedule.timesteps.length - step
  if (remaining === 1) return 1
  const limit = remaining === 2 && lowerOrderFinal && schedule.timesteps.length < 15 ? 2 : order
  return Math.min(order, limit, history.denoised.length + 1)
}

/** Weights of the latents and of the denoised estimates, newest first, in the latents of the next level. */
interface Weights {
  readonly latents: number
  readonly estimates: readonly number[]
}

function advance(order: number, kind: DpmOptions['kind'], sigmas: Float32Array, step: number): Weights {
  const [next, current] = [sigmas[step + 1]!, sigmas[step]!]
  const signal = signalOf(next)
  const h = fround(halfLogSnr(next) - halfLogSnr(current))
  const latents = fround(next / current)
  // The exponential integrals of order 0, 1 and 2, times the signal.
  const decay = fround(fround(Math.exp(-h)) - 1)
  const first = fround(signal * decay)
  if (order === 1) return { latents, estimates: [-first] }

  const second = fround(signal * fround(fround(decay / h) + 1))
  const ratio = stretchOf(sigmas, step, h)
  if (order === 2) {
    const slope = kind === 'midpoint' ? -0.5 * first : second
    return { latents, estimates: [-first + slope / ratio, -slope / ratio] }
  }

  const third = fround(signal * fround(fround(fround(decay + h) / fround(h * h)) - 0.5))
  const earlier = stretchOf(sigmas, step - 1, h)
  // Divided differences of the estimates: `newer` and `older` weigh their two slopes, which make D1 and D2.
  const span = ratio + earlier
  const newer = second * (1 + ratio / span) - third / span
  const older = (third - second * ratio) / span
  return {
    latents,
    estimates: [-first + newer / ratio, older / earlier - newer / ratio, -older / earlier],
  }
}

/** The length of the step that led to `step`, as a multiple of `h`. */
function stretchOf(sigmas: Float32Array, step: number, h: number): number {
  return fround(fround(halfLogSnr(sigmas[step]!) - halfLogSnr(sigmas[step - 1]!)) / h)
}

/** DPM++ has no terminal stretch and only the exponential curve: its table would not be the checkpoint's. */
function checkShift({ shift, shiftTerminal }: FlowSettings): void {
  if (shiftTerminal === undefined && !(shift.kind === 'dynamic' && shift.curve === 'linear')) return
  throw new RequestError('request/unsupported', {
    subject: 'sampler',
    expected: 'unipc, euler or lcm, for this checkpoint shifts its noise levels in a way that DPM++ does not',
    got: 'dpm++2m',
  })
}

/**
 * The table of diffusers' DPMSolverMultistepScheduler with flow sigmas; timesteps are truncated to whole numbers.
 * It starts a little below 1: the even levels are spaced on 1 − sigma, from 1 / trainTimesteps on.
 */
function schedule({ trainTimesteps, shift }: FlowSettings, request: ScheduleRequest): Schedule {
  if (!('steps' in request)) {
    throw unsupportedSpacing('steps', 'sigmas' in request ? 'sigmas' : 'timesteps', 'dpm++2m')
  }
  // The one curve that this scheduler knows, the exponential, is a static shift of e^mu.
  const strength = shift.kind === 'static' ? shift.shift : Math.exp(muOf(shift.range, request))
  const sigmas = linspace(1, 1 / trainTimesteps, request.steps + 1)
    .map(clean => shiftStatically(1 - clean, strength, float64))
    .reverse()
    .slice(0, -1)
  const timesteps = sigmas.map(sigma => Math.trunc(sigma * trainTimesteps))
  return scheduleOf(sigmas, timesteps, trainTimesteps)
}
