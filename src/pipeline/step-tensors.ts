import type { StateArrays } from '../tensor/state-arrays.ts'
import { tensor } from '../tensor/tensor.ts'
import type { DenoiseState } from './denoise-state.ts'
import type { StepEndEvent, StreamTensors } from './events.ts'
import type { ModelFacts } from './family.ts'
import type { StepVelocity } from './velocity.ts'

/** What a step computed, by stream, for callers that ask for it. */
export async function stepTensors<V>(
  facts: Pick<ModelFacts, 'streams'>,
  streams: readonly { readonly arrays: StateArrays<V>; readonly shape: readonly number[] }[],
  { passes }: StepVelocity<V>,
  state: DenoiseState<V>,
): Promise<NonNullable<StepEndEvent['tensors']>> {
  const ofStream = async (index: number): Promise<StreamTensors> => {
    const { arrays, shape } = streams[index]!
    const lists = { ...passes, latents: state.streams.map(({ latents }) => latents) }
    const read = Object.entries(lists).map(async ([name, list]) => {
      return [name, tensor('f32', shape, await arrays.download(list![index]!))] as const
    })
    return Object.fromEntries(await Promise.all(read)) as unknown as StreamTensors
  }
  const [video, ...others] = await Promise.all(streams.map((_, index) => ofStream(index)))
  if (others.length === 0) return video!
  return {
    ...video!,
    others: Object.fromEntries(others.map((each, index) => [facts.streams[index + 1], each])),
  }
}
