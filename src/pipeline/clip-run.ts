import { checkAborted } from '../errors.ts'
import { chunkOutputs, nextCaches } from '../nn/chunk-caches.ts'
import { sliceAxis } from '../tensor/axis.ts'
import type { ResidentTensor } from '../tensor/resident.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { CausalGraphs, ChunkResult, ChunkSettings, ClipRun } from './clip-graphs.ts'
import { runStages } from './stage-run.ts'

/**
 * Runs a coder over a clip, part by part. The next part is run while the caller works on the one it was given.
 * @returns the wanted outputs of every part, in the order of the frames
 */
export async function* runClip(options: ClipRun): AsyncGenerator<ChunkResult, void, undefined> {
  const { graphs, input, feeds, outputs, chunk } = options
  const causal = (of: CausalGraphs) => {
    const spans = chunkSpans(input.tensor.shape[input.axis]!, of.chunk ?? chunk)
    const chunks = spans.map(span => () => ({
      ...{ [input.name]: sliceAxis(input.tensor, input.axis, ...span) },
      ...feeds,
    }))
    return runCausal({ ...options, graphs: of, chunks })
  }
  const parts = 'stages' in graphs ? runStages({ ...options, graphs }) : causal(graphs)
  for await (const { tensors, seconds } of oneAhead(parts)) {
    yield { tensors: Object.fromEntries(outputs.map(name => [name, tensors[name]!])), seconds }
  }
}

/** A causal network's run over a clip, with what every chunk takes beside the caches. */
interface CausalRun extends Omit<ChunkSettings, 'chunk'> {
  readonly graphs: CausalGraphs
  readonly chunks: readonly (() => Readonly<Record<string, Tensor>>)[]
  /** The outputs that are wanted. */
  readonly outputs: readonly string[]
}

/** Runs a causal network chunk by chunk: its caches go from one run to the next, so memory does not grow with the clip. */
export async function* runCausal(options: CausalRun): AsyncGenerator<ChunkResult, void, undefined> {
  const { graphs, chunks, outputs } = options
  let caches: Record<string, ResidentTensor> = {}
  try {
    for (const [index, feedsOf] of chunks.entries()) {
      checkAborted(options.signal)
      const started = performance.now()
      const result = await options.run(
        index === 0 ? graphs.first : (graphs.next ?? graphs.first),
        { ...feedsOf(), ...caches },
        chunkOutputs(outputs, Object.keys(caches), index === chunks.length - 1),
      )
      await options.drop(Object.values(caches))
      caches = nextCaches(result)
      yield { tensors: result.tensors, seconds: (performance.now() - started) / 1000 }
    }
  } finally {
    await options.drop(Object.values(caches))
  }
}

/** The first frame, then chunks of up to `chunk` of them: where each begins, and the next one. */
export function chunkSpans(frames: number, chunk: number): (readonly [start: number, end: number])[] {
  const later = Array.from({ length: Math.ceil((frames - 1) / chunk) }, (_, index) => 1 + index * chunk)
  return [0, ...later].map((start, index) => [start, later[index] ?? frames])
}

async function* oneAhead<T>(source: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  let ahead = source.next()
  try {
    for (;;) {
      const result = await ahead
      if (result.done) return
      ahead = source.next()
      ahead.catch(() => {}) // reported when it is awaited
      yield result.value
    }
  } finally {
    await ahead.catch(() => {})
    await source.return()
  }
}
