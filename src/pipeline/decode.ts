import type { Tensor } from '../tensor/tensor.ts'
import { type ChunkSettings, type DecodedChunk, decodedOutputs } from './causal-run.ts'
import { runClip } from './clip-run.ts'
import { decodeTiles } from './decode-tiles.ts'
import type { ClipGraphs, DecodeContext, Model } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'

export interface DecodeOptions extends ChunkSettings {
  readonly decoder: ClipGraphs
  /** [channels, frames, height, width] */
  readonly latents: Tensor
  /** What it takes beside the latents. */
  readonly feeds: Readonly<Record<string, Tensor>>
  /** Whether to give the frames before rounding too. */
  readonly tensors: boolean
}

/** Decodes a clip chunk by chunk, whole pictures at a time. */
export async function* decodeChunks(options: DecodeOptions): AsyncGenerator<DecodedChunk, void, undefined> {
  const { decoder: graphs, latents, tensors } = options
  const input = { name: 'latents', tensor: latents, axis: 1 }
  const outputs = decodedOutputs(tensors)
  for await (const chunk of runClip({ ...options, graphs, input, outputs })) {
    const { frames, decoded } = chunk.tensors
    yield { frames: frames!, ...(tensors && decoded && { decoded }), seconds: chunk.seconds }
  }
}

/** Decodes a clip as the runner's memory allows: whole pictures, or tiles; as many frames at a time. */
export function decodeClip(
  model: Model,
  context: DecodeContext,
  runner: Pick<GraphRunner, 'run' | 'drop' | 'memory'>,
  signal: AbortSignal,
): AsyncGenerator<DecodedChunk, void, undefined> {
  const { decoder, tiledDecoder, geometry } = model.facts
  const { latents, plan } = context
  const { chunk, tile } = runner.memory
  const { tensors } = plan
  const { run } = runner
  const feeds = model.decoderFeeds(context)
  const settings = { latents, feeds, chunk, tensors, run, signal, drop: runner.drop.bind(runner) }
  return tile === undefined
    ? decodeChunks({ ...settings, decoder })
    : decodeTiles({ ...settings, decoder: tiledDecoder, geometry, tile })
}
