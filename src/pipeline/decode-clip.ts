import { type DecodedChunk, decodeChunks } from './decode.ts'
import { decodeTiles } from './decode-tiles.ts'
import type { DecodeContext, Model } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'

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
