import { runClip } from './clip-run.ts'
import { decodeTiles } from './decode-tiles.ts'
import type { ChunkResult, DecodeContext, Model } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'

/**
 * Decodes a clip as the runner's memory allows: whole pictures, or tiles; as many frames at a time.
 * @returns `frames` uint8 [frames, height, width, 3] of every part, and where the plan asks for tensors the same before
 *   rounding, `decoded` f32 [frames, 3, height, width]
 */
export function decodeClip(
  model: Model,
  context: DecodeContext,
  runner: Pick<GraphRunner, 'run' | 'drop' | 'memory'>,
  signal: AbortSignal,
): AsyncGenerator<ChunkResult, void, undefined> {
  const { decoder, tiledDecoder, geometry } = model.facts
  const { latents, plan } = context
  const { chunk, tile } = runner.memory
  const { run } = runner
  const settings = { chunk, run, signal, drop: runner.drop.bind(runner), feeds: model.decoderFeeds(context) }
  const input = { name: 'latents', tensor: latents, axis: 1 }
  const outputs = plan.tensors ? ['frames', 'decoded'] : ['frames']
  return tile === undefined
    ? runClip({ ...settings, graphs: decoder, input, outputs })
    : decodeTiles({ ...settings, decoder: tiledDecoder, input, outputs, geometry, tile })
}
