/**
 * The encoder of the Wan video VAE (diffusers `AutoencoderKLWan`), as graphs over chunks of a clip, as the decoder in
 * `vae.ts`.
 *
 *   pictures [4·frames, 3, H, W] ──▶ latents [channels, frames, h, w]
 */

import type { Graph, Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { conv2d } from '../../src/graph/ops/convolution.ts'
import { add, divide, subtract } from '../../src/graph/ops/elementwise.ts'
import { frameWindows, slice, transpose } from '../../src/graph/ops/layout.ts'
import type { Scope, WeightSource } from '../../src/graph/scope.ts'
import { middleBlock, pixelAttention, residualBlock, residualBlocks } from '../../src/nn/causal-blocks.ts'
import {
  type CausalCaches,
  type Chunk,
  causalConv,
  causalConvAfterNorm,
  chunkGraph,
} from '../../src/nn/causal-conv.ts'
import { pointwiseConv, windowConv } from '../../src/nn/conv3d.ts'
import { patchify } from '../../src/nn/patchify.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { type Level, perChannel } from './vae.ts'
import type { WanVaeConfig } from './vae-config.ts'
import { averageDown } from './vae-shortcuts.ts'

/**
 * Inputs: `pictures` f32 [frames, 3, H, W] in [−1, 1], one for the first chunk and a multiple of four for later
 * ones, and for those the caches. Outputs: `latents` f32 [channels, frames, h, w], the mode of the posterior,
 * normalised as the transformer wants them, and the caches.
 */
export function wanEncoder(
  config: WanVaeConfig,
  weights: WeightSource,
  precision: FloatDType,
  chunk: Chunk,
  target?: GraphTarget,
): Graph {
  const { graph, scope, caches } = chunkGraph('vae-encoder', weights, precision, chunk, target)
  const stride = config.scale_factor_spatial
  const frames = chunk === 'first' ? 1 : '4*frames'
  const pictures = graph.input('pictures', 'f32', [frames, 3, `${stride}*height`, `${stride}*width`])

  const pixels = cast(pictures, precision)
  const patches = config.patch_size ? patchify(pixels, config.patch_size) : pixels
  const encoded = scope.in('encoder', encoder => encoderNetwork(encoder, patches, config, caches))
  const posterior = pointwiseConv(scope, 'quant_conv', encoded, 2 * config.z_dim) // [frames, mean and log variance, h, w]
  const mode = transpose(cast(slice(posterior, 1, 0, config.z_dim), 'f32'), [1, 0, 2, 3]) // [channels, frames, h, w]
  graph.named('mode', mode)
  const centred = subtract(mode, perChannel(graph, config.latents_mean))
  graph.output('latents', divide(centred, perChannel(graph, config.latents_std)))
  return graph
}

function encoderNetwork(scope: Scope, pixels: Value, config: WanVaeConfig, caches: CausalCaches): Value {
  const widths = config.dim_mult.map(factor => factor * config.base_dim)
  const levels = widths.map((width, index) => ({
    width,
    changesSize: index < widths.length - 1,
    changesTime: config.temperal_downsample[index] ?? false,
  }))
  const entry = causalConv(scope, 'conv_in', pixels, config.base_dim, 3, caches)
  const lowest = scope.in('down_blocks', blocks =>
    config.is_residual
      ? levels.reduce(
          (x, level, i) => blocks.in(`${i}`, block => downBlock(block, x, level, config, caches)),
          entry,
        )
      : plainDownBlocks(blocks, entry, levels, config, caches),
  )
  const middle = scope.in('mid_block', block => middleBlock(block, lowest, caches, pixelAttention))
  const last = { norm: 'norm_out', conv: 'conv_out' }
  return causalConvAfterNorm(scope, last, middle, 2 * config.z_dim, caches)
}

/** The residual VAE's level: blocks and a change of size, around which a shortcut goes. */
function downBlock(scope: Scope, x: Value, level: Level, config: WanVaeConfig, caches: CausalCaches): Value {
  const main = residualBlocks(scope, x, level.width, config.num_res_blocks, caches)
  const smaller = level.changesSize
    ? scope.in('downsampler', sampler => downsample(sampler, main, level.changesTime, caches))
    : main
  const timeFactor = level.changesSize && level.changesTime ? 2 : 1
  return add(smaller, averageDown(x, smaller, timeFactor, level.changesSize ? 2 : 1))
}

/** Wan 2.1 numbers blocks and changes of size in one list. */
function plainDownBlocks(
  scope: Scope,
  x: Value,
  levels: readonly Level[],
  config: WanVaeConfig,
  caches: CausalCaches,
): Value {
  let index = 0
  return levels.reduce((input, level) => {
    let value = input
    for (let block = 0; block < config.num_res_blocks; block++) {
      value = scope.in(`${index++}`, residual => residualBlock(residual, value, level.width, caches))
    }
    if (!level.changesSize) return value
    return scope.in(`${index++}`, sampler => downsample(sampler, value, level.changesTime, caches))
  }, x)
}

/**
 * Halves height and width, and the number of frames where `time` is set, by a causal convolution of stride 2 over
 * the frames. The first frame of a clip passes it untouched.
 */
function downsample(scope: Scope, x: Value, time: boolean, caches: CausalCaches): Value {
  const channels = Number(dimAt(x, 1))
  const halved = scope.in('resample.1', layer => {
    const weight = layer.weight('weight', [channels, channels, 3, 3])
    return conv2d(x, weight, layer.weight('bias', [channels]), { stride: 2, padding: [0, 0, 1, 1] })
  }) // [frames, channels, h/2, w/2]
  if (!time) return halved
  if (caches.first) {
    caches.skip(() => halved)
    return halved
  }
  const history = caches.prepend(halved, 1) // [2·n + 1, channels, h/2, w/2]
  return windowConv(scope, 'time_conv', frameWindows(history, 2), channels, { kernel: 1 })
}
