import type { NoisePosition } from '../sampling/noise.ts'
import { emptyHistory, type History } from '../sampling/samplers/sampler.ts'
import type { Velocities } from '../sampling/step-cache.ts'
import type { RunValues } from './run-values.ts'
import { emptyVelocityState, type VelocityState } from './velocity.ts'

/**
 * Everything that a step of a run leaves for the next one: with arrays in the host's memory, plain data. With the same
 * request it is enough to go on from, to the same video bit for bit: what does not change with the steps is made anew.
 * Its arrays are shared with the steps before; do not write to them.
 */
export interface DenoiseState<V = Float32Array> {
  /** The step to do next, counted from the start of the schedule. */
  readonly step: number
  /** [channels, frames, height, width], flat */
  readonly latents: V
  readonly history: History<V>
  readonly velocity: VelocityState<V>
  readonly noise: NoisePosition
  /** Steps so far in which the network did not run. */
  readonly skippedSteps: number
}

/** The state before the first step. */
export function firstState(step: number, latents: Float32Array, noise: NoisePosition): DenoiseState {
  return { step, latents, noise, history: emptyHistory, velocity: emptyVelocityState, skippedSteps: 0 }
}

/** The state with its arrays where the run keeps them. */
export function broughtIn<V>(values: RunValues<V>, state: DenoiseState): DenoiseState<V> {
  const known = new Map([...new Set(arraysOf(state))].map(array => [array, values.of(array)]))
  return withArrays(state, array => known.get(array)!)
}

/** The state as plain data. */
export async function readOut<V>(values: RunValues<V>, state: DenoiseState<V>): Promise<DenoiseState> {
  const arrays = [...new Set(arraysOf(state))]
  const read = await Promise.all(arrays.map(array => values.read(array)))
  const known = new Map(arrays.map((array, index) => [array, read[index]!]))
  return withArrays(state, array => known.get(array)!)
}

export function arraysOf<V>(state: DenoiseState<V>): V[] {
  const arrays: V[] = []
  withArrays(state, array => {
    arrays.push(array)
    return array
  })
  return arrays
}

function withArrays<A, B>(state: DenoiseState<A>, map: (array: A) => B): DenoiseState<B> {
  const { latents, history, velocity } = state
  const { origin, denoised, ...order } = history
  const { average } = velocity.guidance
  const { before, computed, ...change } = velocity.cache
  return {
    ...state,
    latents: map(latents),
    history: {
      ...order,
      denoised: denoised.map(map),
      ...(origin !== undefined && { origin: map(origin) }),
    },
    velocity: {
      ...velocity,
      guidance: { ...(average !== undefined && { average: map(average) }) },
      cache: {
        ...change,
        ...(before !== undefined && { before: map(before) }),
        ...(computed && {
          computed: { latents: map(computed.latents), velocities: mapped(computed.velocities, map) },
        }),
      },
    },
  }
}

function mapped<A, B>({ conditional, unconditional }: Velocities<A>, map: (array: A) => B): Velocities<B> {
  return {
    conditional: map(conditional),
    ...(unconditional !== undefined && { unconditional: map(unconditional) }),
  }
}
