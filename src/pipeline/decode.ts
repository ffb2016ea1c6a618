import type { Tensor } from '../tensor/tensor.ts'
import { type ChunkSettings, runChunks } from './causal-run.ts'
import type { CausalGraphs, Feed } from './family.ts'

export interface DecodeOptions extends ChunkSettings {
  readonly decoder: CausalGraphs
  /** [channels, frames, height, width] */
  readonly latents: Tensor
  /** What every run takes beside the latents. */
  readonly feeds: Readonly<Record<string, Feed>>
  /** Whether to give the frames before rounding too. */
  readonly tensors: boolean
}

export interface DecodedChunk {
  /** uint8 [frames, height, width, 3] */
  readonly frames: Tensor
  /** f32 [frames, 3, height, width] */
  readonly decoded?: Tensor
  readonly seconds: number
}

/** Decodes a clip chunk by chunk, whole pictures at a time. */
export async function* decodeChunks(options: DecodeOptions): AsyncGenerator<DecodedChunk, void, undefined> {
  const { decoder: graphs, latents, tensors } = options
  const input = { name: 'latents', tensor: latents, axis: 1 }
  const outputs = decodedOutputs(tensors)
  for await (const chunk of runChunks({ ...options, graphs, input, outputs })) {
    const { frames, decoded } = chunk.tensors
    yield { frames: frames!, ...(tensors && decoded && { decoded }), seconds: chunk.seconds }
  }
}

export function decodedOutputs(tensors: boolean): string[] {
  return ['frames', ...(tensors ? ['decoded'] : [])]
}
