import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import type { Scope } from '../../src/graph/scope.ts'
import type { FrameFlow } from '../../src/nn/frame-flow.ts'
import { normalizedConv, residualBlock, residualBlocks, type VaeOptions, videoConv } from './blocks.ts'
import { downBlockCount, type LtxVaeConfig } from './config.ts'
import { foldingDownsample, foldings } from './resample.ts'

/**
 * Patches of pixels [frames, 3·patch², h, w] → mean and log variance of the latents [frames', channels + 1, h', w']:
 * all channels have one variance.
 */
export function encoderNetwork(scope: Scope, patches: Value, frames: FrameFlow, config: LtxVaeConfig): Value {
  const options: VaeOptions = {
    frames,
    layerNormEpsilon: config.resnet_norm_eps,
    padding: config.encoder_spatial_padding_mode,
    shortcut: config.shortcut,
  }
  const widths = config.block_out_channels
  const count = downBlockCount(config)
  let x = videoConv(scope, 'conv_in', patches, widths[0]!, options)
  for (let index = 0; index < count; index++) {
    const out = widths[index + 1] ?? widths[index]!
    x = scope.in(`down_blocks.${index}`, block => downBlock(block, x, { index, out }, config, options))
  }
  const layers = config.layers_per_block.at(-1)!
  const middle = scope.in('mid_block', block => residualBlocks(block, x, layers, options))
  return normalizedConv(scope, 'conv_out', middle, config.latent_channels + 1, options)
}

/** Residual blocks, a change of size, and for the plain kind a residual block that changes the width. */
function downBlock(
  scope: Scope,
  x: Value,
  { index, out }: { index: number; out: number },
  config: LtxVaeConfig,
  options: VaeOptions,
): Value {
  const plain = config.down_block_types[index] === 'LTXVideoDownBlock3D'
  const folding = plain ? 'conv' : config.downsample_type[index]!
  const main = residualBlocks(scope, x, config.layers_per_block[index]!, options)
  const smaller = config.spatio_temporal_scaling[index]
    ? downsample(scope, main, { folding, out }, options)
    : main
  if (!plain || dimAt(smaller, 1) === out) return smaller
  return scope.in('conv_out', block => residualBlock(block, smaller, out, options))
}

function downsample(
  scope: Scope,
  x: Value,
  /** `conv` is a convolution of stride 2. */
  { folding, out }: { folding: LtxVaeConfig['downsample_type'][number]; out: number },
  options: VaeOptions,
): Value {
  return scope.in('downsamplers', samplers =>
    folding === 'conv'
      ? videoConv(samplers, '0', x, Number(dimAt(x, 1)), { ...options, stride: 2 })
      : samplers.in('0', sampler => foldingDownsample(sampler, x, out, foldings[folding], options)),
  )
}
