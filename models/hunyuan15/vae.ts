/**
 * The HunyuanVideo 1.5 VAE (diffusers `AutoencoderKLHunyuanVideo15`) as graphs over a clip, one latent frame at a time: the
 * first one is one picture, every later one four. What a latent frame needs of those before it is carried in caches.
 *
 *   decoder   latents [channels, 1, h, w] ──▶ uint8 pictures [1 or 4, H, W, 3]
 *   encoder   the first picture [1, 3, H, W] ──▶ latents [channels, 1, h, w]
 */
import type { Graph, Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, clip, divide, multiply } from '../../src/graph/ops/elementwise.ts'
import { slice, transpose } from '../../src/graph/ops/layout.ts'
import type { Scope, WeightSource } from '../../src/graph/scope.ts'
import { middleBlock, residualBlocks } from '../../src/nn/causal-blocks.ts'
import { type CausalCaches, causalConvAfterNorm, chunkGraph } from '../../src/nn/causal-conv.ts'
import { causalDecoder } from '../../src/nn/causal-decoder.ts'
import { toRgb } from '../../src/nn/to-rgb.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { HunyuanVaeConfig } from './config.ts'
import { convolution, frameAttention } from './vae-blocks.ts'
import { downsampleFirst, groupMeans, repeatChannels, upsample } from './vae-resample.ts'

const decoder = causalDecoder<HunyuanVaeConfig>({
  stem: decoderStem,
  rest: decoderOutputs,
  width: config => config.block_out_channels.at(-1)!,
  surroundings: 'replicated',
  tensors: /^decoder\./,
})

/**
 * Inputs: `latents` f32 [channels, 1, h, w], as the transformer gives them, and for a later chunk the caches. Outputs:
 * `frames` u8 [pictures, H, W, 3], the same before rounding, `decoded` f32 [pictures, 3, H, W], about −1 to 1, and the caches.
 */
export const hunyuanDecoder = decoder.whole

/** The decoder, and its parts for tiles: the second takes any number of frames. */
export const hunyuanDecoders = decoder.coders

/**
 * Inputs: `pictures` f32 [1, 3, H, W] in [−1, 1], the first of a clip. Output: `latents` f32 [channels, 1, h, w], the mode of
 * the posterior as the transformer takes it.
 */
export function hunyuanEncoder(
  config: HunyuanVaeConfig,
  weights: WeightSource,
  precision: FloatDType,
  target?: GraphTarget,
): Graph {
  const options = { kernels: target?.kernels, surroundings: 'replicated' } as const
  const { graph, scope, caches } = chunkGraph('vae-encoder', weights, precision, 'first', options)
  const stride = config.spatial_compression_ratio
  const pictures = graph.input('pictures', 'f32', [1, 3, `${stride}*height`, `${stride}*width`])
  const posterior = scope.in('encoder', encoder => {
    return encoderNetwork(encoder, cast(pictures, precision), config, caches)
  }) // [1, mean and log variance, h, w]
  const mode = transpose(cast(slice(posterior, 1, 0, config.latent_channels), 'f32'), [1, 0, 2, 3]) // [channels, 1, h, w]
  graph.output('latents', multiply(mode, config.scaling_factor))
  return graph
}

/** The input `latents` → [1, width, h, w]. */
function decoderStem(scope: Scope, config: HunyuanVaeConfig, caches: CausalCaches): Value {
  const { graph } = scope
  const width = config.block_out_channels.at(-1)!
  const latents = graph.input('latents', 'f32', [config.latent_channels, 1, 'height', 'width'])
  const scaled = divide(transpose(latents, [1, 0, 2, 3]), config.scaling_factor) // [1, channels, h, w]
  const z = cast(scaled, graph.precision)
  return scope.in('decoder', decoder => {
    const spread = repeatChannels(z, width / config.latent_channels)
    const entry = add(convolution(decoder, 'conv_in', z, width, caches), spread)
    return decoder.in('mid_block', block => middleBlock(block, entry, caches, attended(caches), '.conv'))
  })
}

/** [frames, width, h, w] → the outputs `frames` and `decoded`. */
function decoderOutputs(scope: Scope, features: Value, config: HunyuanVaeConfig, caches: CausalCaches): void {
  const widths = config.block_out_channels.toReversed()
  const { upsample_match_channel: matches, layers_per_block: layers } = config
  const doublings = Math.log2(config.spatial_compression_ratio)
  const timeDoublings = Math.log2(config.temporal_compression_ratio)
  const video = scope.in('decoder', decoder => {
    let x = features
    widths.forEach((width, level) => {
      x = decoder.in(`up_blocks.${level}`, block => {
        const main = residualBlocks(block, x, width, layers + 1, caches, '.conv')
        if (level >= doublings) return main
        const out = matches ? widths[level + 1]! : width
        return block.in('upsamplers.0', each => upsample(each, main, out, level < timeDoublings, caches))
      })
    })
    return causalConvAfterNorm(decoder, lastLayers, x, config.out_channels, caches)
  })
  const decoded = cast(video, 'f32') // [pictures, 3, H, W]
  scope.graph.output('frames', toRgb(clip(decoded, -1, 1)))
  scope.graph.output('decoded', decoded)
}

const lastLayers = { norm: 'norm_out', conv: 'conv_out.conv' }

function attended(caches: CausalCaches): (scope: Scope, x: Value) => Value {
  return (scope, x) => frameAttention(scope, x, caches)
}

function encoderNetwork(scope: Scope, pixels: Value, config: HunyuanVaeConfig, caches: CausalCaches): Value {
  const widths = config.block_out_channels
  const halvings = Math.log2(config.spatial_compression_ratio)
  const onlySpace = halvings - Math.log2(config.temporal_compression_ratio)
  let x = convolution(scope, 'conv_in', pixels, widths[0]!, caches)
  widths.forEach((width, level) => {
    x = scope.in(`down_blocks.${level}`, block => {
      const main = residualBlocks(block, x, width, config.layers_per_block, caches, '.conv')
      if (level >= halvings) return main
      const out = config.downsample_match_channel ? widths[level + 1]! : width
      return block.in('downsamplers.0', each => {
        return downsampleFirst(each, main, out, level >= onlySpace, caches)
      })
    })
  })
  const middle = scope.in('mid_block', block => middleBlock(block, x, caches, attended(caches), '.conv'))
  const posterior = causalConvAfterNorm(scope, lastLayers, middle, 2 * config.latent_channels, caches)
  return add(posterior, groupMeans(middle, posterior))
}
