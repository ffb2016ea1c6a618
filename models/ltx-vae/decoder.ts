import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { multiply } from '../../src/graph/ops/elementwise.ts'
import type { Scope } from '../../src/graph/scope.ts'
import {
  channelNorm,
  InjectedNoise,
  modulate,
  modulations,
  residualBlock,
  residualBlocks,
  timeEmbedding,
  type VaeOptions,
  videoConv,
} from './blocks.ts'
import type { LtxVaeConfig } from './config.ts'
import { type Factors, foldings, unfoldingUpsample } from './resample.ts'

/** One resolution of the decoder. */
interface Level {
  readonly width: number
  readonly layers: number
  /** Whether a residual block changes the width at the start, and whether the resolution then grows, by how much. */
  readonly narrowsFirst: boolean
  readonly upsamples: boolean
  readonly factors: Factors
  readonly narrowing: number
  readonly residual: boolean
  readonly injectsNoise: boolean
}

/** What runs through the parts of a decoder. */
export interface DecoderFlow {
  /** The timestep [1] times the checkpoint's multiplier. */
  readonly time: Value | undefined
  readonly noise: InjectedNoise
  readonly options: VaeOptions
}

export function decoderFlow(scope: Scope, timestep: Value | undefined, config: LtxVaeConfig): DecoderFlow {
  const time = timestep && multiply(timestep, scope.weight('timestep_scale_multiplier', [], { dtype: 'f32' }))
  const options: VaeOptions = {
    causal: config.decoder_causal,
    layerNormEpsilon: config.resnet_norm_eps,
    padding: config.decoder_spatial_padding_mode,
    shortcut: config.shortcut,
  }
  return { time, noise: new InjectedNoise(scope.graph), options }
}

/** At the resolution of the latents: [frames, channels, h, w] → [frames, width, h, w]. */
export function decoderStem(scope: Scope, latents: Value, flow: DecoderFlow, config: LtxVaeConfig): Value {
  const [middle] = decoderLevels(config)
  const entry = videoConv(scope, 'conv_in', latents, middle.width, flow.options)
  return scope.in('mid_block', block => decoderLevel(block, entry, middle, flow))
}

/** What the stem gives → patches of pixels [8·frames − 7, 3·patch², 8·h, 8·w]. */
export function decoderRest(scope: Scope, features: Value, flow: DecoderFlow, config: LtxVaeConfig): Value {
  const [, ...levels] = decoderLevels(config)
  const { time, options } = flow
  let x = features
  levels.forEach((level, index) => {
    x = scope.in(`up_blocks.${index}`, block => decoderLevel(block, x, level, flow))
  })
  const width = Number(dimAt(x, 1))
  const [output] = time ? modulations(scope, timeEmbedding(scope, time, 2 * width), width, 1) : []
  const active = silu(modulate(channelNorm(x), output))
  return videoConv(scope, 'conv_out', active, config.out_channels * config.patch_size ** 2, options)
}

/** Channels of what the stem gives. */
export function stemWidth(config: LtxVaeConfig): number {
  return decoderLevels(config)[0].width
}

/** How many of the pictures of noise are the stem's: the first ones. */
export function stemNoises(config: LtxVaeConfig): number {
  const [{ injectsNoise, layers }] = decoderLevels(config)
  return injectsNoise ? 2 * layers : 0
}

/**
 * The pictures of noise that the decoder wants as `injected.0`, `injected.1`, …: diffusers draws them in this order.
 * @returns [height, width] of each, for latents of that height and width
 */
export function injectedNoiseSizes(
  config: LtxVaeConfig,
  { height, width }: { height: number; width: number },
): [height: number, width: number][] {
  let scale = 1
  return decoderLevels(config).flatMap(level => {
    const before = level.narrowsFirst ? [scale, scale] : []
    if (level.upsamples) scale *= level.factors.space
    const scales = [...before, ...Array<number>(2 * level.layers).fill(scale)]
    return level.injectsNoise ? scales.map((each): [number, number] => [height * each, width * each]) : []
  })
}

/** The middle block, then the levels from the lowest resolution up; the config's lists go from the highest down. */
function decoderLevels(config: LtxVaeConfig): [Level, ...Level[]] {
  const widths = config.decoder_block_out_channels.toReversed()
  const layers = config.decoder_layers_per_block.toReversed()
  const injects = config.decoder_inject_noise.toReversed()
  const upsamples = config.decoder_spatio_temporal_scaling.toReversed()
  const residual = config.upsample_residual.toReversed()
  const narrowing = config.upsample_factor.toReversed()
  const middle: Level = {
    width: widths[0]!,
    layers: layers[0]!,
    narrowsFirst: false,
    upsamples: false,
    factors: foldings.spatiotemporal,
    narrowing: 1,
    residual: false,
    injectsNoise: injects[0]!,
  }
  let before = middle.width
  const levels = widths.map((full, index): Level => {
    const factor = narrowing[index]!
    const width = full / factor
    const level = {
      width,
      layers: layers[index + 1]!,
      narrowsFirst: before / factor !== width,
      upsamples: upsamples[index]!,
      // As it is listed: from the lowest resolution up.
      factors: foldings[config.upsample_type?.[index] ?? 'spatiotemporal'],
      narrowing: factor,
      residual: residual[index]!,
      injectsNoise: injects[index + 1]!,
    }
    before = width
    return level
  })
  return [middle, ...levels]
}

function decoderLevel(scope: Scope, x: Value, level: Level, { time, noise, options }: DecoderFlow): Value {
  if (level.narrowsFirst && time) {
    throw scope.graph.invalid('conv_in', 'one width throughout a level that sees the timestep', 'a change')
  }
  const injected = level.injectsNoise ? noise : undefined
  const narrowed = level.narrowsFirst
    ? scope.in('conv_in', block => residualBlock(block, x, level.width, options, { noise: injected }))
    : x
  const larger = level.upsamples
    ? scope.in('upsamplers.0', sampler => unfoldingUpsample(sampler, narrowed, level, options))
    : narrowed
  const embedding = time && timeEmbedding(scope, time, 4 * level.width) // [1, 4·width]
  return residualBlocks(scope, larger, level.layers, options, { time: embedding, noise: injected })
}
