import { invalidRequest, RequestError } from '../../errors.ts'
import type { Sampler, TokenStep } from './sampler.ts'

/**
 * One step of tokens that are at different noise levels.
 * @throws RequestError `request/unsupported` when the sampler cannot step tokens apart, `request/invalid` when there is
 *   not a timestep for every token
 */
export function stepTokens(sampler: Sampler, state: TokenStep): Float32Array {
  if (!sampler.stepTokens) {
    throw new RequestError('request/unsupported', {
      subject: 'sampler',
      expected: 'euler, the one that can step tokens of different noise levels',
      got: sampler.name,
    })
  }
  const { latents, timesteps } = state
  if (latents.length % timesteps.length !== 0) {
    throw invalidRequest('timesteps', `a divisor of ${latents.length} values`, timesteps.length)
  }
  return sampler.stepTokens(state)
}
