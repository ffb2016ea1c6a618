import { checkAborted } from '../errors.ts'
import { sliceAxis } from '../tensor/axis.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { CausalGraphs, ClipGraphs, ResidentTensor, RunGraph, RunOptions, RunResult } from './family.ts'

/** Where chunks are run, and how many frames are in one. */
export interface ChunkSettings {
  /** Latent frames of a chunk; the first frame is a chunk of its own. */
  readonly chunk: number
  readonly run: RunGraph
  readonly drop: (residents: Iterable<ResidentTensor>) => Promise<void>
  readonly signal: AbortSignal
}

/** A coder's run over a clip. */
export interface ClipRun<Graphs extends ClipGraphs = ClipGraphs> extends ChunkSettings {
  readonly graphs: Graphs
  /** What is cut into chunks: an input, and the axis of its frames. */
  readonly input: { readonly name: string; readonly tensor: Tensor; readonly axis: number }
  /** What it takes beside it. */
  readonly feeds: Readonly<Record<string, Tensor>>
  /** The outputs that are wanted. */
  readonly outputs: readonly string[]
}

export interface ChunkResult {
  readonly tensors: Readonly<Record<string, Tensor>>
  readonly seconds: number
}

/** Runs a causal network chunk by chunk: its caches go from one run to the next, so memory does not grow with the clip. */
export async function* runCausal(
  options: ClipRun<CausalGraphs>,
): AsyncGenerator<ChunkResult, void, undefined> {
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
        outputsOf(outputs, Object.keys(caches), index === chunks.length - 1),
      )
      await options.drop(Object.values(caches))
      caches = nextCaches(result)
      yield { tensors: result.tensors, seconds: (performance.now() - started) / 1000 }
    }
  } finally {
    await options.drop(Object.values(caches))
  }
}

/** Caches are kept for the next chunk; the last one's are of no use, and the first one's names not known before. */
export function outputsOf(outputs: readonly string[], caches: readonly string[], last: boolean): RunOptions {
  if (last) return { fetch: outputs }
  return caches.length === 0
    ? { keep: isCache }
    : { fetch: [...outputs, ...caches.map(nextName)], keep: isCache }
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

const nextSuffix = '.next'

/** Whether an output is what a chunk leaves for the following one. */
export function isCache(output: string): boolean {
  return output.endsWith(nextSuffix)
}

/** The output that follows an input that is a cache. */
export function nextName(cache: string): string {
  return `${cache}${nextSuffix}`
}

/** What a chunk leaves for the following one: its output `cache.i.next` is that one's input `cache.i`. */
export function nextCaches({ residents }: RunResult): Record<string, ResidentTensor> {
  const caches = Object.entries(residents).filter(([name]) => isCache(name))
  return Object.fromEntries(caches.map(([name, cache]) => [name.slice(0, -nextSuffix.length), cache]))
}

/** What a decoder gives of a chunk. */
export interface DecodedChunk {
  /** uint8 [frames, height, width, 3] */
  readonly frames: Tensor
  /** f32 [frames, 3, height, width] */
  readonly decoded?: Tensor
  readonly seconds: number
}

/** The outputs of a decoder that are wanted. @param tensors whether the frames before rounding are too */
export function decodedOutputs(tensors: boolean): string[] {
  return ['frames', ...(tensors ? ['decoded'] : [])]
}
