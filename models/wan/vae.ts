/**
 * The decoder of the Wan video VAE (Wan Team 2025, section 4.1; diffusers `AutoencoderKLWan`), 2.1 and the residual 2.2, as
 * graphs over chunks of a clip: the first chunk is one latent frame (one pixel frame), every later one any number
 * of latent frames (four times as many pixel frames). What a chunk needs of the ones before it is carried in
 * caches, so the result does not depend on how a clip is cut.
 *
 *   latents [channels, frames, h, w] ──▶ uint8 pictures [4·frames, H, W, 3]
 */

import type { Dim } from '../../src/graph/dims.ts'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, clip, multiply, round } from '../../src/graph/ops/elementwise.ts'
import { transpose } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { CausalCaches, causalConv, causalConvAfterNorm } from '../../src/nn/causal-conv.ts'
import { pointwiseConv } from '../../src/nn/conv3d.ts'
import { unpatchify } from '../../src/nn/patchify.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { WanVaeConfig } from './config.ts'
import { type Chunk, type Level, middleBlock, perChannel, residualBlocks, upsample } from './vae-blocks.ts'
import { duplicateUp } from './vae-shortcuts.ts'

/**
 * Inputs: `latents` f32 [channels, frames, h, w], normalised as the transformer gives them, and for a later chunk
 * the caches. Outputs: `frames` u8 [pictures, H, W, 3], the same before rounding, `decoded` f32
 * [pictures, 3, H, W] in [−1, 1], and the caches.
 */
export function wanDecoder(
  config: WanVaeConfig,
  weights: WeightSource,
  precision: FloatDType,
  chunk: Chunk,
  target?: GraphTarget,
): Graph {
  const { graph, scope, caches } = chunkGraph('vae-decoder', weights, precision, chunk, target)
  const latents = graph.input('latents', 'f32', [config.z_dim, decodedFrames(chunk), 'height', 'width'])
  const features = decoderStem(scope, latents, config, caches)
  decoderOutputs(scope, features, config, caches)
  return graph
}

/** The part of the decoder in which all pixels of a picture see each other: `latents` → `features` f32 [frames, width, h, w]. */
export function wanDecoderStem(
  config: WanVaeConfig,
  weights: WeightSource,
  precision: FloatDType,
  chunk: Chunk,
  target?: GraphTarget,
): Graph {
  const { graph, scope, caches } = chunkGraph('vae-decoder-stem', weights, precision, chunk, target)
  const latents = graph.input('latents', 'f32', [config.z_dim, decodedFrames(chunk), 'height', 'width'])
  graph.output('features', cast(decoderStem(scope, latents, config, caches), 'f32'))
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
  const shape = [decodedFrames(chunk), decoderWidths(config)[0]!, 'height', 'width']
  decoderOutputs(scope, cast(graph.input('features', 'f32', shape), precision), config, caches)
  return graph
}

function chunkGraph(
  name: string,
  weights: WeightSource,
  precision: FloatDType,
  chunk: Chunk,
  target: GraphTarget = {},
) {
  const graph = new Graph(`${name}-${chunk}`, { precision, kernels: target.kernels })
  return { graph, scope: new Scope(graph, weights), caches: new CausalCaches(graph, chunk === 'first') }
}

function decodedFrames(chunk: Chunk): Dim {
  return chunk === 'first' ? 1 : 'frames'
}

/** Latents [channels, frames, h, w] → [frames, width, h, w]. */
function decoderStem(scope: Scope, latents: Value, config: WanVaeConfig, caches: CausalCaches): Value {
  const { graph } = scope
  const scaled = multiply(latents, perChannel(graph, config.latents_std))
  const denormalized = add(scaled, perChannel(graph, config.latents_mean))
  const pictures = cast(transpose(denormalized, [1, 0, 2, 3]), graph.precision) // [frames, channels, h, w]
  const z = pointwiseConv(scope, 'post_quant_conv', pictures, config.z_dim)
  return scope.in('decoder', decoder => {
    const entry = causalConv(decoder, 'conv_in', z, decoderWidths(config)[0]!, 3, caches)
    return decoder.in('mid_block', block => middleBlock(block, entry, caches))
  })
}

/** [frames, width, h, w] → the outputs `frames` and `decoded`. */
function decoderOutputs(scope: Scope, features: Value, config: WanVaeConfig, caches: CausalCaches): void {
  const patches = scope.in('decoder', decoder => decoderLevels(decoder, features, config, caches))
  const video = config.patch_size ? unpatchify(patches, config.patch_size) : patches // [4·frames, 3, H, W]
  const decoded = clip(cast(video, 'f32'), -1, 1)
  scope.graph.output('frames', toRgb(decoded))
  scope.graph.output('decoded', decoded)
}

/** Channels of the decoder's levels, from the lowest resolution up. */
function decoderWidths(config: WanVaeConfig): number[] {
  const base = config.decoder_base_dim ?? config.base_dim
  return config.dim_mult.toReversed().map(factor => factor * base)
}

function decoderLevels(scope: Scope, features: Value, config: WanVaeConfig, caches: CausalCaches): Value {
  const widths = decoderWidths(config)
  const doublesTime = config.temperal_downsample.toReversed()
  let x = features
  widths.forEach((width, index) => {
    const level = { width, changesSize: index < widths.length - 1, changesTime: doublesTime[index] ?? false }
    x = scope.in(`up_blocks.${index}`, block => upBlock(block, x, level, config, caches))
  })
  const last = { norm: 'norm_out', conv: 'conv_out' }
  return causalConvAfterNorm(scope, last, x, config.out_channels, caches)
}

function upBlock(scope: Scope, x: Value, level: Level, config: WanVaeConfig, caches: CausalCaches): Value {
  const main = residualBlocks(scope, x, level.width, config.num_res_blocks + 1, caches)
  if (!level.changesSize) return main
  // Without shortcuts the width is halved on the way up; with them it is kept.
  const name = config.is_residual ? 'upsampler' : 'upsamplers.0'
  const width = config.is_residual ? level.width : level.width / 2
  const larger = scope.in(name, sampler => upsample(sampler, main, width, level.changesTime, caches))
  return config.is_residual
    ? add(larger, duplicateUp(x, larger, level.changesTime ? 2 : 1, caches.first))
    : larger
}

/** [pictures, 3, H, W] in [−1, 1] → uint8 [pictures, H, W, 3]. */
function toRgb(decoded: Value): Value {
  const levels = round(add(multiply(decoded, 127.5), 127.5))
  return cast(transpose(levels, [0, 2, 3, 1]), 'u8')
}
