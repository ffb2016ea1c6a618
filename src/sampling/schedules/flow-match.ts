import { linspace } from '../../tensor/arithmetic.ts'
import { float32, float64, scheduleOf, shiftSigmas, shiftStatically } from './noise-levels.ts'
import type { FlowSettings, Schedule, ScheduleRequest, Shift } from './schedule.ts'

/**
 * The table of diffusers' FlowMatchEulerDiscreteScheduler and FlowMatchLCMScheduler.
 * With a number of steps a static shift acts twice, as it does there: on the end points, then on every sigma.
 */
export function flowMatchSchedule(settings: FlowSettings, request: ScheduleRequest): Schedule {
  const sigmas = shiftedSigmas(settings, request).map(float32)
  const timesteps = sigmas.map(sigma => sigma * settings.trainTimesteps)
  return scheduleOf(sigmas, timesteps, settings.trainTimesteps)
}

/** Computed in float64 from a number of steps and in float32 from given levels, as numpy does in the reference. */
function shiftedSigmas(settings: FlowSettings, request: ScheduleRequest): number[] {
  const { trainTimesteps } = settings
  if ('sigmas' in request) return shiftSigmas(request.sigmas.map(float32), settings, request, float32)
  if ('timesteps' in request) {
    const sigmas = request.timesteps.map(timestep => float32(float32(timestep) / trainTimesteps))
    return shiftSigmas(sigmas, settings, request, float32)
  }
  const timesteps = linspace(
    endPoint(1, settings.shift) * trainTimesteps,
    endPoint(1 / trainTimesteps, settings.shift) * trainTimesteps,
    request.steps,
  )
  const sigmas = timesteps.map(timestep => timestep / trainTimesteps)
  return shiftSigmas(sigmas, settings, request, float64)
}

/** The first or last level of training, which has the static shift already. */
function endPoint(sigma: number, shift: Shift): number {
  return shift.kind === 'static' ? shiftStatically(float32(sigma), shift.shift, float32) : float32(sigma)
}
