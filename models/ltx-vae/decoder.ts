import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { multiply } from '../../src/graph/ops/elementwise.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { FrameStream } from '../../src/nn/frame-flow.ts'
import type { FrameLayer } from '../../src/nn/frame-schedule.ts'
import {
  type BlockConditions,
  InjectedNoise,
  modulations,
  normalizedConv,
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

/**
 * A part of the decoder that is a graph: the middle block at the resolution of the latents, or a level. The last one ends
 * with the pixels.
 */
export interface DecoderStage {
  /** The block's place in the checkpoint. */
  readonly block: string
  readonly level: Level
  readonly position: 'first' | 'between' | 'last'
  /** Channels that it takes. */
  readonly width: number
  /** Frames that it takes for each latent frame after the first, and by how much height and width are those of the latents. */
  readonly framesPerLatent: number
  readonly scale: number
  /** Which of the pictures of noise are added in it. */
  readonly noises: { readonly first: number; readonly count: number }
  readonly layers: readonly FrameLayer[]
}

/** The stages in their order. */
export function decoderStages(config: LtxVaeConfig): [DecoderStage, ...DecoderStage[]] {
  const levels = decoderLevels(config)
  let width = config.latent_channels
  let [framesPerLatent, scale, first] = [1, 1, 0]
  return levels.map((level, index): DecoderStage => {
    const count = level.injectsNoise ? 2 * (level.layers + (level.narrowsFirst ? 1 : 0)) : 0
    const position = index === 0 ? 'first' : index === levels.length - 1 ? 'last' : 'between'
    const block = index === 0 ? 'mid_block' : `up_blocks.${index - 1}`
    const layers = frameLayers(level, width, position)
    const stage = {
      block,
      level,
      position,
      width,
      framesPerLatent,
      scale,
      noises: { first, count },
      layers,
    } as const
    width = layers.findLast(({ channels }) => channels.length > 1)!.channels[1]!
    framesPerLatent *= level.upsamples ? level.factors.time : 1
    scale *= level.upsamples ? level.factors.space : 1
    first += count
    return stage
  }) as [DecoderStage, ...DecoderStage[]]
}

/** What `decoderStage` does with frames: @see FrameSchedule */
function frameLayers(level: Level, given: number, position: DecoderStage['position']): FrameLayer[] {
  const same = { time: 1, space: 1 } as const
  const conv = (width: number) => ({ channels: [width], shortcut: false, ...same })
  const block = (from: number, to: number) => ({ channels: [from, to], shortcut: true, ...same })
  const narrowed = level.narrowsFirst || position === 'first' ? level.width : given
  const width = level.upsamples ? narrowed / level.narrowing : narrowed
  return [
    ...(position === 'first' ? [conv(given)] : []),
    ...(level.narrowsFirst ? [block(given, narrowed)] : []),
    ...(level.upsamples ? [{ channels: [narrowed], shortcut: level.residual, ...level.factors }] : []),
    ...Array.from({ length: level.layers }, () => block(width, width)),
    ...(position === 'last' ? [conv(width)] : []),
  ]
}

/**
 * [frames, width, h, w] → the input of the next stage, or for the last patches of pixels
 * [8·frames − 7, 3·patch², 8·h, 8·w]. Frames come in parts: a `FrameSchedule` of its layers goes with it.
 * @param timestep f32 [1], where the decoder sees one
 */
export function decoderStage(
  scope: Scope,
  given: Value,
  timestep: Value | undefined,
  { level, block, position, noises }: DecoderStage,
  config: LtxVaeConfig,
): Value {
  const time = timestep && multiply(timestep, scope.weight('timestep_scale_multiplier', [], { dtype: 'f32' }))
  const options: VaeOptions = {
    frames: new FrameStream(scope.graph),
    layerNormEpsilon: config.resnet_norm_eps,
    padding: config.decoder_spatial_padding_mode,
    shortcut: config.shortcut,
  }
  const noise = level.injectsNoise ? new InjectedNoise(scope.graph, noises.first) : undefined
  const entry = position === 'first' ? videoConv(scope, 'conv_in', given, level.width, options) : given
  const x = scope.in(block, each => decoderLevel(each, entry, level, options, { time, noise }))
  if (position !== 'last') return x
  const width = Number(dimAt(x, 1))
  const [output] = time ? modulations(scope, timeEmbedding(scope, time, 2 * width), width, 1) : []
  const channels = config.out_channels * config.patch_size ** 2
  return normalizedConv(scope, 'conv_out', x, channels, options, { modulation: output })
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

function decoderLevel(
  scope: Scope,
  x: Value,
  level: Level,
  options: VaeOptions,
  { time, noise }: BlockConditions,
): Value {
  if (level.narrowsFirst && time) {
    throw scope.graph.invalid('conv_in', 'one width throughout a level that sees the timestep', 'a change')
  }
  const narrowed = level.narrowsFirst
    ? scope.in('conv_in', block => residualBlock(block, x, level.width, options, { noise }))
    : x
  const larger = level.upsamples
    ? scope.in('upsamplers.0', sampler => unfoldingUpsample(sampler, narrowed, level, options))
    : narrowed
  const embedding = time && timeEmbedding(scope, time, 4 * level.width) // [1, 4·width]
  return residualBlocks(scope, larger, level.layers, options, { time: embedding, noise })
}
