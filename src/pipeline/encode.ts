import { concatenate, sliceAxis } from '../tensor/axis.ts'
import { elementCount } from '../tensor/dtype.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import type { CausalGraphs, ChunkSettings } from './clip-graphs.ts'
import { chunkSpans, runCausal } from './clip-run.ts'
import type { LazyPictures } from './conditioning.ts'

export interface EncodeOptions extends ChunkSettings {
  readonly encoder: CausalGraphs
  /** Frames of every latent after the first. */
  readonly temporalStride: number
  /** f32 [frames, 3, height, width] in [−1, 1]. */
  readonly pictures: Tensor | LazyPictures
  /** What the encoder takes beside them, [channels, latent frames, h, w]. @default nothing */
  readonly feeds?: Readonly<Record<string, Tensor>> | undefined
}

/**
 * Encodes a clip chunk by chunk.
 * @returns the normalised latents, f32 [channels, frames, h, w]
 */
export async function encodeClip(options: EncodeOptions): Promise<Tensor> {
  const { encoder, pictures, temporalStride, feeds = {} } = options
  const spans = chunkSpans(pictures.shape[0]!, (encoder.chunk ?? options.chunk) * temporalStride)
  const chunks = spans.map(([start, end]) => () => {
    const latents = [start, end].map(frame => Math.ceil(frame / temporalStride)) as [number, number]
    const own = Object.entries(feeds).map(([name, feed]) => [name, sliceAxis(feed, 1, ...latents)] as const)
    return { pictures: partOf(pictures, start, end), ...Object.fromEntries(own) }
  })
  const parts: Tensor[] = []
  for await (const { tensors } of runCausal({ ...options, graphs: encoder, chunks, outputs: ['latents'] })) {
    parts.push(tensors.latents!)
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
