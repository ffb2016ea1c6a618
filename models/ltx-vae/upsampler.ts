/**
 * The latent upsampler of LTX-Video 0.9.7 and LTX-2 (diffusers `LTXLatentUpsamplerModel`, `LTX2LatentUpsamplerModel`): residual
 * blocks at the size of the latents, a convolution whose channels become pixels, residual blocks at twice the size. It
 * works on latents as they are before they are normalised.
 *
 *   latents [channels, frames, h, w] ──▶ latents [channels, frames, 2h, 2w]
 */
import type { z } from 'zod'
import { CheckpointError } from '../../src/errors.ts'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { conv2d, depthToSpace } from '../../src/graph/ops/convolution.ts'
import { add, divide, multiply, squareRoot, subtract } from '../../src/graph/ops/elementwise.ts'
import { frameWindows, padAround, reshape, reshapeLike, transpose } from '../../src/graph/ops/layout.ts'
import { meanOver } from '../../src/graph/ops/pooling.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { windowConv } from '../../src/nn/conv3d.ts'
import type { UpsamplerFormat } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { checkConfig } from '../../src/weights/read-config.ts'
import { layerCount } from '../../src/weights/rename-tensors.ts'
import {
  upsamplerGroups as groups,
  type LtxUpsamplerConfig,
  type LtxVaeConfig,
  ltxUpsamplerConfig,
} from './config.ts'
import { denormalized, normalized, statistics } from './vae.ts'

/** Of the group norms: PyTorch's default. */
const epsilon = 1e-5

/** The upsamplers that a VAE's latents can be given to, of a class of diffusers. */
export function ltxUpsamplerFormat(
  vae: LtxVaeConfig,
  className = 'LTXLatentUpsamplerModel',
  schema: z.ZodType<LtxUpsamplerConfig> = ltxUpsamplerConfig,
): UpsamplerFormat {
  return {
    component: 'latent_upsampler',
    className,
    shared: { component: 'vae', tensors: /^latents_(?:mean|std)$/ },
    // A step of 1 blurs nothing.
    ignored: /^upsampler\.blur_down\.kernel$/,
    configOf: tensors => upsamplerConfigOf(tensors),
    read(read, file) {
      const config = checkConfig(schema, read, file)
      if (config.in_channels !== vae.latent_channels) {
        throw new CheckpointError('checkpoint/config', {
          subject: `${file} in_channels`,
          expected: `${vae.latent_channels}, the channels of the VAE`,
          got: String(config.in_channels),
          advice: 'Use the upsampler that was published with the model.',
        })
      }
      return (weights, precision) => ltxUpsampler(config, vae, weights, precision)
    },
  }
}

/** What diffusers' config would hold, of the file that the makers publish (`ltx-2-spatial-upscaler-x2-1.0.safetensors`). */
function upsamplerConfigOf(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): object | undefined {
  const first = tensors.get('initial_conv.weight')?.shape
  const rational = tensors.get('upsampler.conv.weight')?.shape
  const resampler = rational ?? tensors.get('upsampler.0.weight')?.shape
  if (!first || !resampler) return undefined
  const [width, channels, ...kernel] = first as [number, number, ...number[]]
  const spatial = resampler.length === 4
  return {
    in_channels: channels,
    mid_channels: width,
    num_blocks_per_stage: layerCount(tensors.keys(), /^res_blocks\.(\d+)\./),
    dims: kernel.length,
    spatial_upsample: spatial,
    temporal_upsample: !spatial,
    ...(spatial && { rational_spatial_scale: Math.sqrt(resampler[0]! / width) }),
    use_rational_resampler: rational !== undefined,
  }
}

/**
 * Input: `latents` f32 [channels, frames, h, w], normalised as the transformer gives them. Output: `upsampled` f32
 * [channels, frames, 2h, 2w], normalised likewise.
 */
export function ltxUpsampler(
  config: LtxUpsamplerConfig,
  vae: LtxVaeConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('latent-upsampler', { precision })
  const scope = new Scope(graph, weights)
  const latents = graph.input('latents', 'f32', [vae.latent_channels, 'frames', 'height', 'width'])
  const scales = statistics(scope, vae)
  const given = cast(transpose(denormalized(latents, scales, vae), [1, 0, 2, 3]), precision) // [frames, channels, h, w]
  const { in_channels: channels, mid_channels: width, dims } = config
  const entry = conv(scope, 'initial_conv', given, width, dims)
  let x = silu(groupNorm(scope, 'initial_norm', entry, dims))
  x = residualBlocks(scope, 'res_blocks', x, config)
  const resampler = config.use_rational_resampler ? 'upsampler.conv' : 'upsampler.0'
  x = depthToSpace(conv(scope, resampler, x, 4 * width, 2), 2) // [frames, width, 2h, 2w]
  x = residualBlocks(scope, 'post_upsample_res_blocks', x, config)
  const larger = transpose(cast(conv(scope, 'final_conv', x, channels, dims), 'f32'), [1, 0, 2, 3]) // [channels, frames, 2h, 2w]
  graph.output('upsampled', normalized(larger, scales, vae))
  return graph
}

function residualBlocks(
  scope: Scope,
  name: string,
  x: Value,
  { num_blocks_per_stage: count, dims }: LtxUpsamplerConfig,
): Value {
  let value = x
  for (let index = 0; index < count; index++) {
    value = scope.in(`${name}.${index}`, block => residualBlock(block, value, dims))
  }
  return value
}

/** Two convolutions, each with a norm after it; the input is added before the second activation. */
function residualBlock(scope: Scope, x: Value, dims: 2 | 3): Value {
  const width = Number(dimAt(x, 1))
  const first = silu(groupNorm(scope, 'norm1', conv(scope, 'conv1', x, width, dims), dims))
  const second = groupNorm(scope, 'norm2', conv(scope, 'conv2', first, width, dims), dims)
  return silu(add(second, x))
}

/** A 3×3 or 3×3×3 convolution with zeros around the clip. */
function conv(scope: Scope, name: string, x: Value, out: number, dims: 2 | 3): Value {
  if (dims === 3) return windowConv(scope, name, frameWindows(padAround(x, 0, 1)), out)
  return scope.in(name, layer => {
    const weight = layer.weight('weight', [out, Number(dimAt(x, 1)), 3, 3])
    return conv2d(x, weight, layer.weight('bias', [out]), { padding: [1, 1, 1, 1] })
  })
}

/** Group normalisation (Wu & He 2018), in f32: with three dimensions over all frames together, else frame by frame. */
function groupNorm(scope: Scope, name: string, x: Value, dims: 2 | 3): Value {
  const wide = cast(x, 'f32')
  const grouped = reshape(wide, ['=', groups, '*']) // [frames, groups, channels / groups · h · w]
  const centred = subtract(grouped, groupMean(grouped, dims))
  const variance = groupMean(multiply(centred, centred), dims)
  const scaled = reshapeLike(divide(centred, squareRoot(add(variance, epsilon))), wide) // [frames, channels, h, w]
  return scope.in(name, layer => {
    const channels = Number(dimAt(x, 1))
    const as = [channels, 1, 1]
    const weight = layer.weight('weight', [channels], { dtype: 'f32', as })
    const bias = layer.weight('bias', [channels], { dtype: 'f32', as })
    return cast(add(multiply(scaled, weight), bias), x.dtype)
  })
}

/** [frames, groups, values] → the means of its groups, [groups, 1] or [frames, groups, 1]. */
function groupMean(grouped: Value, dims: 2 | 3): Value {
  const perFrame = meanOver(grouped, 2) // [frames, groups]
  return dims === 3 ? reshape(meanOver(perFrame, 0), [groups, 1]) : reshape(perFrame, ['=', groups, 1])
}
