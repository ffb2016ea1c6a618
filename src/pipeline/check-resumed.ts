import { invalidRequest } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { DenoiseState } from './denoise-state.ts'

/**
 * Checks a state that a run is to go on from.
 * @param initial latents of the run before its first step, by stream
 * @param schedule the first step of the run, and all steps, counted from the start of the schedule
 * @throws RequestError `request/invalid` for a state of another plan
 */
export function checkResumed(
  { step, streams }: DenoiseState,
  initial: readonly Tensor[],
  schedule: { readonly firstStep: number; readonly steps: number },
): void {
  const { firstStep, steps } = schedule
  const wrong = initial.findIndex(({ data }, index) => streams[index]?.latents.length !== data.length)
  if (wrong < 0 && step >= firstStep && step <= steps) return
  const index = Math.max(wrong, 0)
  throw invalidRequest(
    'state to resume from',
    `latents of ${initial[index]!.shape.join('x')} and a step from ${firstStep} to ${steps}`,
    `${streams[index]?.latents.length ?? 0} values and step ${step}`,
    'Resume with the request that the state was saved for, or start anew.',
  )
}
