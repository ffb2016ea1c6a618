import {
  type FlowSettings,
  float64,
  linspace,
  type Schedule,
  type ScheduleRequest,
  scheduleOf,
  shiftSigmas,
} from './schedule.ts'

/** How far below 1 the first sigma is kept: the solver takes the logarithm of 1 − sigma. */
const margin = 1e-6

/** The table of diffusers' UniPCMultistepScheduler with flow sigmas; timesteps are truncated to whole numbers. */
export function uniPCSchedule(
  settings: FlowSettings,
  request: Exclude<ScheduleRequest, { timesteps: unknown }>,
): Schedule {
  const { trainTimesteps } = settings
  const even =
    'steps' in request ? linspace(1, 1 / trainTimesteps, request.steps + 1).slice(0, -1) : request.sigmas
  const sigmas = shiftSigmas(even, settings, request, float64)
  if (Math.abs(sigmas[0]! - 1) < margin) sigmas[0]! -= margin
  const timesteps = sigmas.map(sigma => Math.trunc(sigma * trainTimesteps))
  return scheduleOf(sigmas, timesteps, trainTimesteps)
}
