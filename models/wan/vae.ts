/**
 * The decoder of the Wan video VAE (Wan Team 2025, section 4.1; diffusers `AutoencoderKLWan`), 2.1 and the residual 2.2, as
 * graphs over chunks of a clip: the first chunk is one latent frame (one pixel frame), every later one any number
 * of latent frames (four times as many pixel frames). What a chunk needs of the ones before it is carried in
 * caches, so the result does not depend on how a clip is cut. Frames are laid out as a batch of pictures, [frames,
 * channels, height, width]: what the network does within a frame is then a 2-D op, and a causal 3-D convolution is a 2-D
 * one over the channels of three consecutive frames.
 *
 *   latents [channels, frames, h, w] ──▶ uint8 pictures [4·frames, H, W, 3]
 */

import type { Graph, Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { conv2d, upsampleNearest2x } from '../../src/graph/ops/convolution.ts'
import { add, clip, multiply } from '../../src/graph/ops/elementwise.ts'
import { concat, transpose } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { middleBlock, pixelAttention, residualBlocks, splitFrames } from '../../src/nn/causal-blocks.ts'
import { type CausalCaches, causalConv, causalConvAfterNorm } from '../../src/nn/causal-conv.ts'
import { causalDecoder } from '../../src/nn/causal-decoder.ts'
import { pointwiseConv } from '../../src/nn/conv3d.ts'
import { unpatchify } from '../../src/nn/patchify.ts'
import { toRgb } from '../../src/nn/to-rgb.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import type { WanVaeConfig } from './vae-config.ts'
import { duplicateUp } from './vae-shortcuts.ts'

const decoder = causalDecoder<WanVaeConfig>({
  stem: decoderStem,
  rest: decoderOutputs,
  width: config => decoderWidths(config)[0]!,
  surroundings: 'zeros',
  tensors: /^(?:decoder|post_quant_conv)\./,
})

/**
 * Inputs: `latents` f32 [channels, frames, h, w], normalised as the transformer gives them, and for a later chunk
 * the caches. Outputs: `frames` u8 [pictures, H, W, 3], the same before rounding, `decoded` f32
 * [pictures, 3, H, W] in [−1, 1], and the caches.
 */
export const wanDecoder = decoder.whole

/** The decoder, and its parts for tiles. */
export const wanDecoders = decoder.coders

/** The input `latents` [channels, frames, h, w] → [frames, width, h, w]. */
function decoderStem(scope: Scope, config: WanVaeConfig, caches: CausalCaches): Value {
  const { graph } = scope
  const frames = caches.first ? 1 : 'frames'
  const latents = graph.input('latents', 'f32', [config.z_dim, frames, 'height', 'width'])
  const scaled = multiply(latents, perChannel(graph, config.latents_std))
  const denormalized = add(scaled, perChannel(graph, config.latents_mean))
  const pictures = cast(transpose(denormalized, [1, 0, 2, 3]), graph.precision) // [frames, channels, h, w]
  const z = pointwiseConv(scope, 'post_quant_conv', pictures, config.z_dim)
  return scope.in('decoder', decoder => {
    const entry = causalConv(decoder, 'conv_in', z, decoderWidths(config)[0]!, 3, caches)
    return decoder.in('mid_block', block => middleBlock(block, entry, caches, pixelAttention))
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

/** A level of resolution. */
export interface Level {
  readonly width: number
  /** Whether this level ends with a change of height and width, and of the number of frames. */
  readonly changesSize: boolean
  readonly changesTime: boolean
}

/**
 * Doubles height and width, and the number of frames where `time` is set: a causal convolution gives two frames
 * for each. The first frame of a clip is not doubled and is not part of that convolution's past.
 */
function upsample(scope: Scope, x: Value, out: number, time: boolean, caches: CausalCaches): Value {
  const doubled = time ? doubleFrames(scope, x, caches) : x
  return scope.in('resample.1', layer => {
    const weight = layer.weight('weight', [out, Number(dimAt(x, 1)), 3, 3])
    return conv2d(upsampleNearest2x(doubled), weight, layer.weight('bias', [out]), { padding: [1, 1, 1, 1] })
  })
}

function doubleFrames(scope: Scope, x: Value, caches: CausalCaches): Value {
  const channels = Number(dimAt(x, 1))
  if (caches.first) {
    caches.skip(() => multiply(concat([x, x], 0), 0))
    return x
  }
  const pairs = causalConv(scope, 'time_conv', x, 2 * channels, 1, caches) // [frames, 2·channels, h, w]
  return splitFrames(pairs, 2)
}

/** A number of every channel, [channels, 1, 1, 1]. */
export function perChannel(graph: Graph, numbers: readonly number[]): Value {
  return graph.constant(tensor('f32', [numbers.length, 1, 1, 1], Float32Array.from(numbers)))
}
