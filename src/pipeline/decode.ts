import { CancelledError } from '../errors.ts'
import { sliceAxis } from '../tensor/axis.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { isCache, nextCaches, nextName } from './causal-caches.ts'
import type { CausalGraphs, Feed, ResidentTensor, RunGraph, RunOptions } from './family.ts'

export interface DecodeOptions {
  readonly decoder: CausalGraphs
  /** [channels, frames, height, width] */
  readonly latents: Tensor
  /** What every run takes beside the latents. */
  readonly feeds: Readonly<Record<string, Feed>>
  /** Latent frames of a chunk; the first frame is a chunk of its own. */
  readonly chunk: number
  /** Whether to give the frames before rounding too. */
  readonly tensors: boolean
  readonly run: RunGraph
  readonly drop: (residents: Iterable<ResidentTensor>) => Promise<void>
  readonly signal: AbortSignal
}

export interface DecodedChunk {
  /** uint8 [frames, height, width, 3] */
  readonly frames: Tensor
  /** f32 [frames, 3, height, width] */
  readonly decoded?: Tensor
  readonly seconds: number
}

/**
 * Decodes a clip chunk by chunk: the decoder's causal caches go from one run to the next, so memory does not grow
 * with the clip. The next chunk is decoded while the caller works on the one it was given.
 */
export async function* decodeChunks(options: DecodeOptions): AsyncGenerator<DecodedChunk, void, undefined> {
  const { first, next } = options.decoder
  const chunks = next ? cutFrames(options.latents, options.chunk) : [options.latents]
  let caches: Record<string, ResidentTensor> = {}
  const decode = async (index: number): Promise<DecodedChunk | undefined> => {
    const latents = chunks[index]
    if (latents === undefined) return undefined
    if (options.signal.aborted) throw new CancelledError({ cause: options.signal.reason })
    const started = performance.now()
    const graph = index === 0 ? first : (next ?? first)
    const result = await options.run(
      graph,
      { latents, ...options.feeds, ...caches },
      outputsOf(options, Object.keys(caches), index === chunks.length - 1),
    )
    await options.drop(Object.values(caches))
    caches = nextCaches(result)
    const { frames, decoded } = result.tensors
    const seconds = (performance.now() - started) / 1000
    return { frames: frames!, ...(options.tensors && decoded && { decoded }), seconds }
  }

  let ahead = decode(0)
  try {
    for (let index = 1; ; index++) {
      const chunk = await ahead
      if (chunk === undefined) return
      ahead = decode(index)
      ahead.catch(() => {}) // reported when it is awaited
      yield chunk
    }
  } finally {
    await ahead.catch(() => {})
    await options.drop(Object.values(caches))
  }
}

/** Caches are kept for the next chunk; the last one's are of no use, and the first one's names not known before. */
function outputsOf({ tensors }: DecodeOptions, caches: readonly string[], last: boolean): RunOptions {
  const host = ['frames', ...(tensors ? ['decoded'] : [])]
  if (last) return { fetch: host }
  return caches.length === 0
    ? { keep: isCache }
    : { fetch: [...host, ...caches.map(nextName)], keep: isCache }
}

/** The first latent frame, then chunks of up to `chunk` of them. */
function cutFrames(latents: Tensor, chunk: number): Tensor[] {
  const frames = latents.shape[1]!
  const starts = [
    0,
    ...Array.from({ length: Math.ceil((frames - 1) / chunk) }, (_, index) => 1 + index * chunk),
  ]
  return starts.map((start, index) => sliceAxis(latents, 1, start, starts[index + 1] ?? frames))
}
