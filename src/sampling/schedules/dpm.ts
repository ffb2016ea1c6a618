import { muOf } from './dynamic-shift.ts'
import {
  type FlowSettings,
  float64,
  linspace,
  type Schedule,
  type ScheduleRequest,
  scheduleOf,
  shiftStatically,
} from './schedule.ts'

/**
 * The table of diffusers' DPMSolverMultistepScheduler with flow sigmas; timesteps are truncated to whole numbers.
 * It starts a little below 1: the even levels are spaced on 1 − sigma, from 1 / trainTimesteps on.
 */
export function dpmSchedule(
  settings: FlowSettings,
  request: Extract<ScheduleRequest, { steps: unknown }>,
): Schedule {
  const { trainTimesteps, shift } = settings
  // The one curve that this scheduler knows, the exponential, is a static shift of e^mu.
  const strength = shift.kind === 'static' ? shift.shift : Math.exp(muOf(shift.range, request))
  const sigmas = linspace(1, 1 / trainTimesteps, request.steps + 1)
    .map(clean => shiftStatically(1 - clean, strength, float64))
    .reverse()
    .slice(0, -1)
  const timesteps = sigmas.map(sigma => Math.trunc(sigma * trainTimesteps))
  return scheduleOf(sigmas, timesteps, trainTimesteps)
}
