import { isCache, nextCaches } from '../nn/chunk-caches.ts'
import { concatenate, sliceAxis } from '../tensor/axis.ts'
import { elementCount } from '../tensor/dtype.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import type { CausalGraphs, LazyPictures, ResidentTensor, RunGraph } from './family.ts'

export interface EncodeOptions {
  readonly encoder: CausalGraphs
  /** Frames of every latent after the first. */
  readonly temporalStride: number
  /** f32 [frames, 3, height, width] in [−1, 1]. */
  readonly pictures: Tensor | LazyPictures
  /** What the encoder takes beside them, [channels, latent frames, h, w]. @default nothing */
  readonly feeds?: Readonly<Record<string, Tensor>> | undefined
  /** Latent frames of a chunk. */
  readonly chunk: number
  readonly run: RunGraph
  readonly drop: (residents: Iterable<ResidentTensor>) => Promise<void>
}

/**
 * Encodes a clip chunk by chunk, the encoder's causal caches going from one run to the next.
 * @returns the normalised latents, f32 [channels, frames, h, w]
 */
export async function encodeClip(options: EncodeOptions): Promise<Tensor> {
  const { encoder, pictures, run, drop, temporalStride } = options
  const frames = pictures.shape[0]!
  const parts: Tensor[] = []
  let caches: Record<string, ResidentTensor> = {}
  try {
    for (let start = 0; start < frames; ) {
      const count =
        start === 0 ? 1 : Math.min((encoder.chunk ?? options.chunk) * temporalStride, frames - start)
      const clip = partOf(pictures, start, start + count)
      const [from, to] = [start, start + count].map(frame => Math.ceil(frame / temporalStride)) as [
        number,
        number,
      ]
      const own = Object.entries(options.feeds ?? {}).map(([name, feed]) => [
        name,
        sliceAxis(feed, 1, from, to),
      ])
      const feeds = Object.fromEntries(own) as Record<string, Tensor>
      const graph = start === 0 ? encoder.first : (encoder.next ?? encoder.first)
      const last = start + count === frames
      const outputs = last ? { fetch: ['latents'] } : { keep: isCache }
      const result = await run(graph, { pictures: clip, ...feeds, ...caches }, outputs)
      await drop(Object.values(caches))
      caches = nextCaches(result)
      parts.push(result.tensors.latents!)
      start += count
    }
  } finally {
    await drop(Object.values(caches))
  }
  return concatenate(parts, 1)
}

/** The pictures [start, end) of a clip. */
function partOf(pictures: Tensor | LazyPictures, start: number, end: number): Tensor {
  if ('dtype' in pictures) return sliceAxis(pictures, 0, start, end)
  const [, ...size] = pictures.shape
  const data = new Float32Array((end - start) * elementCount(size))
  for (let frame = start; frame < end; frame++) {
    data.set(pictures.picture(frame) ?? [], (frame - start) * elementCount(size))
  }
  return tensor('f32', [end - start, ...size], data)
}
