/** The decoder of `vae.ts` in two parts, for pictures that are decoded in tiles. */
import type { Graph } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import type { WeightSource } from '../../src/graph/scope.ts'
import { type Chunk, chunkGraph } from '../../src/nn/causal-conv.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { decoderOutputs, decoderStem, decoderWidths } from './vae.ts'
import type { WanVaeConfig } from './vae-config.ts'

/** The part of the decoder in which all pixels of a picture see each other: `latents` → `features` f32 [frames, width, h, w]. */
export function wanDecoderStem(
  config: WanVaeConfig,
  weights: WeightSource,
  precision: FloatDType,
  chunk: Chunk,
  target?: GraphTarget,
): Graph {
  const { graph, scope, caches } = chunkGraph('vae-decoder-stem', weights, precision, chunk, target)
  graph.output('features', cast(decoderStem(scope, chunk, config, caches), 'f32'))
  return graph
}

/** The rest of the decoder, in which a pixel sees its surroundings alone: `features` → the outputs of `wanDecoder`. */
export function wanDecoderRest(
  config: WanVaeConfig,
  weights: WeightSource,
  precision: FloatDType,
  chunk: Chunk,
  target?: GraphTarget,
): Graph {
  const { graph, scope, caches } = chunkGraph('vae-decoder-rest', weights, precision, chunk, target)
  const shape = [chunk === 'first' ? 1 : 'frames', decoderWidths(config)[0]!, 'height', 'width']
  decoderOutputs(scope, cast(graph.input('features', 'f32', shape), precision), config, caches)
  return graph
}
