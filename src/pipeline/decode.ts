import { CancelledError } from '../errors.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import type { ModelFacts, ResidentTensor, RunGraph, RunResult } from './family.ts'

export interface DecodeOptions {
  readonly decoder: ModelFacts['decoder']
  /** [channels, frames, height, width] */
  readonly latents: Tensor
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
  const chunks = cutFrames(options.latents, options.chunk)
  let caches: Record<string, ResidentTensor> = {}
  const decode = async (index: number): Promise<DecodedChunk | undefined> => {
    const latents = chunks[index]
    if (latents === undefined) return undefined
    if (options.signal.aborted) throw new CancelledError({ cause: options.signal.reason })
    const started = performance.now()
    const graph = index === 0 ? options.decoder.first : options.decoder.next
    const result = await options.run(
      graph,
      { latents, ...caches },
      outputsOf(options, index === chunks.length - 1),
    )
    await options.drop(Object.values(caches))
    caches = nextCaches(result)
    const { frames, decoded } = result.tensors
    return { frames: frames!, ...(decoded ? { decoded } : {}), seconds: (performance.now() - started) / 1000 }
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

/** The last chunk's caches are of no use. */
function outputsOf(
  { tensors }: DecodeOptions,
  last: boolean,
): { fetch?: string[]; keep: (output: string) => boolean } {
  const host = ['frames', ...(tensors ? ['decoded'] : [])]
  return last ? { fetch: host, keep: () => false } : { keep: output => !host.includes(output) }
}

const nextSuffix = '.next'

/** `cache.i.next` of a run is `cache.i` of the following one. */
function nextCaches({ residents }: RunResult): Record<string, ResidentTensor> {
  const caches = Object.entries(residents).filter(([name]) => name.endsWith(nextSuffix))
  return Object.fromEntries(caches.map(([name, cache]) => [name.slice(0, -nextSuffix.length), cache]))
}

/** The first latent frame, then chunks of up to `chunk` of them. */
function cutFrames(latents: Tensor, chunk: number): Tensor[] {
  const [channels, frames, height, width] = latents.shape as [number, number, number, number]
  const plane = height * width
  const starts = [
    0,
    ...Array.from({ length: Math.ceil((frames - 1) / chunk) }, (_, index) => 1 + index * chunk),
  ]
  return starts.map((start, index) => {
    const count = (starts[index + 1] ?? frames) - start
    const data = new Float32Array(channels * count * plane)
    for (let channel = 0; channel < channels; channel++) {
      const from = (channel * frames + start) * plane
      data.set((latents.data as Float32Array).subarray(from, from + count * plane), channel * count * plane)
    }
    return tensor('f32', [channels, count, height, width], data)
  })
}
