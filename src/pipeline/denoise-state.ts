import { memoize } from '../memoize.ts'
import type { GuidanceState } from '../sampling/guidance.ts'
import { emptyHistory, type History } from '../sampling/samplers/sampler.ts'
import { emptyStepCache, type StepCacheState } from '../sampling/step-cache.ts'
import type { NoisePosition } from '../tensor/random.ts'
import { mapArrays, type StateArrays } from '../tensor/state-arrays.ts'

/**
 * Everything that a step of a run leaves for the next one: with arrays in the host's memory, plain data. With the same
 * request it is enough to go on from, to the same video bit for bit: what does not change with the steps is made anew.
 * Its outermost lists are by stream. Its arrays are shared with the steps before; do not write to them.
 */
export interface DenoiseState<V = Float32Array> {
  /** The step to do next, counted from the start of the schedule. */
  readonly step: number
  /** In the order of the model's streams: the video first. */
  readonly streams: readonly StreamState<V>[]
  readonly velocity: VelocityState<V>
  readonly noise: NoisePosition
  /** Steps so far in which the network did not run. */
  readonly skippedSteps: number
}

export interface StreamState<V = Float32Array> {
  /** [channels, positions, …], flat */
  readonly latents: V
  readonly history: History<V>
}

/** What a step leaves for the next one: with arrays in the host's memory, plain data. */
export interface VelocityState<V = Float32Array> {
  /** By stream. */
  readonly guidance: readonly GuidanceState<V>[]
  /** Of all streams together. */
  readonly cache: StepCacheState<readonly V[]>
  /** The expert that the cache is of. */
  readonly expert: number
}

export const emptyVelocityState: VelocityState<never> = Object.freeze({
  guidance: Object.freeze([]),
  cache: emptyStepCache,
  expert: 0,
})

/** The state before the first step. */
export function firstState(
  step: number,
  latents: readonly Float32Array[],
  noise: NoisePosition,
): DenoiseState {
  const streams = latents.map(each => ({ latents: each, history: emptyHistory }))
  return { step, streams, noise, velocity: emptyVelocityState, skippedSteps: 0 }
}

/** The state with its arrays where the run keeps them. @param streams by stream */
export function uploadState<V>(streams: readonly StateArrays<V>[], state: DenoiseState): DenoiseState<V> {
  const upload = streams.map(arrays => memoize((array: Float32Array) => arrays.upload(array)))
  return mapArrays<Float32Array>(state, (array, stream) => upload[stream]!(array)) as DenoiseState<V>
}

/** The state as plain data. @param streams by stream */
export async function downloadState<V>(
  streams: readonly StateArrays<V>[],
  state: DenoiseState<V>,
): Promise<DenoiseState> {
  const downloads = [...arraysOf(state)].map(async ([array, stream]) => {
    return [array, await streams[stream]!.download(array)] as const
  })
  const known = new Map(await Promise.all(downloads))
  return mapArrays<V>(state, array => known.get(array)) as DenoiseState
}

/** The arrays of a state, with the stream that each is of. */
export function arraysOf<V>(state: DenoiseState<V>): Map<V, number> {
  const arrays = new Map<V, number>()
  mapArrays<V>(state, (array, stream) => arrays.set(array, stream))
  return arrays
}
