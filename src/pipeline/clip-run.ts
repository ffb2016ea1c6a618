import { checkAborted } from '../errors.ts'
import { chunkOutputs, nextCaches } from '../nn/chunk-caches.ts'
import { sliceAxis } from '../tensor/axis.ts'
import type { ResidentTensor } from '../tensor/resident.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { CausalGraphs, ChunkResult, ClipRun } from './clip-graphs.ts'
import { runStages } from './stage-run.ts'

/**
 * Runs a coder over a clip, part by part. The next part is run while the caller works on the one it was given.
 * @returns the wanted outputs of every part, in the order of the frames
 */
export async function* runClip(options: ClipRun): AsyncGenerator<ChunkResult, void, undefined> {
  const { graphs, outputs } = options
  const parts =
    'stages' in graphs
      ? runStages({ ...options, graphs })
      : runCausal({ ...options, graphs: graphs as CausalGraphs })
  for await (const { tensors, seconds } of oneAhead(parts)) {
    yield { tensors: Object.fromEntries(outputs.map(name => [name, tensors[name]!])), seconds }
  }
}

/** Runs a causal network chunk by chunk: its caches go from one run to the next, so memory does not grow with the clip. */
async function* runCausal(options: ClipRun<CausalGraphs>): AsyncGenerator<ChunkResult, void, undefined> {
  const { graphs, input, feeds, outputs } = options
  const chunks = cutFrames(input.tensor, input.axis, graphs.chunk ?? options.chunk)
  let caches: Record<string, ResidentTensor> = {}
  try {
    for (const [index, part] of chunks.entries()) {
      checkAborted(options.signal)
      const started = performance.now()
      const result = await options.run(
        index === 0 ? graphs.first : (graphs.next ?? graphs.first),
        { [input.name]: part, ...feeds, ...caches },
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

/** The first latent frame, then chunks of up to `chunk` of them. */
function cutFrames(source: Tensor, axis: number, chunk: number): Tensor[] {
  const frames = source.shape[axis]!
  const starts = [
    0,
    ...Array.from({ length: Math.ceil((frames - 1) / chunk) }, (_, index) => 1 + index * chunk),
  ]
  return starts.map((start, index) => sliceAxis(source, axis, start, starts[index + 1] ?? frames))
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
