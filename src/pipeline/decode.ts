import type { Tensor } from '../tensor/tensor.ts'
import { type ChunkSettings, type DecodedChunk, decodedOutputs, runChunks } from './causal-run.ts'
import { decodeTiles } from './decode-tiles.ts'
import type { CausalGraphs, DecodeContext, Feed, Model } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'

export interface DecodeOptions extends ChunkSettings {
  readonly decoder: CausalGraphs
  /** [channels, frames, height, width] */
  readonly latents: Tensor
  /** What every run takes beside the latents. */
  readonly feeds: Readonly<Record<string, Feed>>
  /** Whether to give the frames before rounding too. */
  readonly tensors: boolean
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
  const settings = { latents, chunk, tensors, run, signal, drop: runner.drop.bind(runner) }
  if (tile === undefined) {
    return decodeChunks({ ...settings, decoder, feeds: model.decoderFeeds(context, 'whole') })
  }
  const parts = { stem: model.decoderFeeds(context, 'stem'), rest: model.decoderFeeds(context, 'rest') }
  return decodeTiles({ ...settings, decoder: tiledDecoder, geometry, tile, feedsOf: part => parts[part] })
}
