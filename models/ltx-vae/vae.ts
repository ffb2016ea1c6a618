/**
 * The LTX-Video VAE (HaCohen et al. 2024, section 2.1; diffusers `AutoencoderKLLTXVideo`): 0.9.0, 0.9.1, whose
 * decoder sees a timestep and adds noise, and 0.9.5 and later, which change resolution by folding. Latents are 32×32
 * pixels and 8 frames, the first one frame. The decoder looks ahead, and so it is stages: what a level is behind by is made
 * up for before the next one begins.
 *
 *   decoder   latents [channels, frames, h, w] ──▶ uint8 pictures [8·frames − 7, 32·h, 32·w, 3]
 *   encoder   pictures [8·frames + 1, 3, 32·h, 32·w] ──▶ latents [channels, frames + 1, h, w]
 */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, clip, divide, exponential, multiply, subtract } from '../../src/graph/ops/elementwise.ts'
import { slice, transpose } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { CausalParts, WholeClip } from '../../src/nn/frame-flow.ts'
import { patchify, unpatchify } from '../../src/nn/patchify.ts'
import { toRgb } from '../../src/nn/to-rgb.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { compression, type LtxVaeConfig } from './config.ts'
import { type DecoderStage, decoderStage, decoderStages } from './decoder.ts'
import { encoderNetwork } from './encoder.ts'

/**
 * A stage of the decoder, over part of a clip at a time (`FrameStream`, with the schedule of the stage's layers). The first
 * takes `latents` f32 [channels, frames, h, w], normalised as the transformer gives them, every other one `features.in`,
 * the `features` of the one before, f32 [frames, width, h, w]. With timestep conditioning also `timestep` f32 [1], 0 … 1, and for the first
 * the noise that is mixed into the latents at that timestep: `noise` f32 like the latents, `noise.scale` f32 [1], 0 for
 * none. With injected noise its share of `injected.i`, see `injectedNoiseSizes`. Outputs: `features`, or of the last
 * `frames` u8 [pictures, H, W, 3], and the same before it is cut off and rounded, `decoded` f32 [pictures, 3, H, W],
 * about −1 … 1.
 * @param index of the stage
 */
export function ltxDecoderStage(
  config: LtxVaeConfig,
  index: number,
  weights: WeightSource,
  precision: FloatDType,
  target: GraphTarget = {},
): Graph {
  const stage = decoderStages(config)[index]!
  const graph = new Graph(`vae-decoder-${index}`, { precision, kernels: target.kernels })
  const scope = new Scope(graph, weights)
  const timestep = timestepInput(graph, config)
  const given =
    stage.position === 'first' ? latentPictures(scope, timestep, config) : stageFeatures(graph, stage)
  const result = scope.in('decoder', decoder => decoderStage(decoder, given, timestep, stage, config))
  if (stage.position === 'last') decoderOutputs(result, config)
  else graph.output('features', cast(result, 'f32'))
  return graph
}

function stageFeatures(graph: Graph, { width, scale }: DecoderStage): Value {
  const shape = ['frames', width, scaled(scale, 'height'), scaled(scale, 'width')]
  return cast(graph.input('features.in', 'f32', shape), graph.precision)
}

function scaled(factor: number, symbol: string): string {
  return factor === 1 ? symbol : `${factor}*${symbol}`
}

function timestepInput(graph: Graph, { timestep_conditioning }: LtxVaeConfig): Value | undefined {
  return timestep_conditioning ? graph.input('timestep', 'f32', [1]) : undefined
}

/** The input `latents` as pictures [frames, channels, h, w], as they were before they were normalised. */
function latentPictures(scope: Scope, timestep: Value | undefined, config: LtxVaeConfig): Value {
  const { graph } = scope
  const shape = [config.latent_channels, 'frames', 'height', 'width']
  const latents = graph.input('latents', 'f32', shape)
  const clean = denormalized(latents, statistics(scope, config), config)
  const z = timestep ? withNoise(clean) : clean
  return cast(transpose(z, [1, 0, 2, 3]), graph.precision)
}

/** Patches of pixels → the outputs `frames` and `decoded`. */
function decoderOutputs(patches: Value, { patch_size }: LtxVaeConfig): void {
  const { graph } = patches
  const decoded = cast(unpatchify(patches, patch_size), 'f32') // [8·frames − 7, 3, H, W]
  graph.output('frames', toRgb(clip(decoded, -1, 1)))
  graph.output('decoded', decoded)
}

/**
 * Inputs: `pictures` f32 [P, 3, H, W] in [−1, 1], and `noise` f32 [channels, F, h, w], the standard normal numbers that the
 * posterior is sampled with; zeros give its mode. Output: `latents`, like `noise`, normalised as the transformer wants them.
 * @param part `whole`: all pictures of a clip, P = 8·frames + 1 and F = frames + 1; for causal encoders also its `first`
 *   picture alone, P = F = 1, and 8·frames pictures that come `next`, F = frames, with caches as `CausalParts` has them
 */
export function ltxEncoder(
  config: LtxVaeConfig,
  part: EncoderPart,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph(part === 'next' ? 'vae-encoder-next' : 'vae-encoder', { precision })
  const scope = new Scope(graph, weights)
  const { spatial, temporal } = compression(config)
  const [pictureCount, latentCount] = {
    whole: [`${temporal}*frames+1`, 'frames+1'] as const,
    first: [1, 1] as const,
    next: [`${temporal}*frames`, 'frames'] as const,
  }[part]
  const pictureShape = [pictureCount, config.in_channels, `${spatial}*height`, `${spatial}*width`]
  const pictures = graph.input('pictures', 'f32', pictureShape)
  const channels = config.latent_channels
  const noise = graph.input('noise', 'f32', [channels, latentCount, 'height', 'width'])
  const frames = part === 'whole' ? new WholeClip(config.encoder_causal) : new CausalParts(graph, part)

  const patches = patchify(cast(pictures, precision), config.patch_size)
  const encoded = scope.in('encoder', encoder => encoderNetwork(encoder, patches, frames, config))
  const posterior = transpose(cast(encoded, 'f32'), [1, 0, 2, 3]) // [channels + 1, F, h, w]
  const mode = graph.named('mean', slice(posterior, 0, 0, channels))
  const logVariance = graph.named('logvar', clip(slice(posterior, 0, channels), -30, 20)) // [1, F, h, w]
  const sample = add(mode, multiply(exponential(multiply(logVariance, 0.5)), noise))
  graph.output('latents', normalized(sample, statistics(scope, config), config))
  return graph
}

/** Which pictures of a clip an encoder is given. */
export type EncoderPart = 'whole' | 'first' | 'next'

interface LatentStatistics {
  readonly mean: Value
  readonly deviation: Value
}

/** Mean and standard deviation of every latent channel, f32 [channels, 1, 1, 1]: the checkpoint has them as tensors. */
export function statistics(scope: Scope, config: LtxVaeConfig): LatentStatistics {
  const [stored, as] = [[config.latent_channels], [config.latent_channels, 1, 1, 1]]
  const perChannel = (name: string) => scope.weight(name, stored, { dtype: 'f32', as })
  return { mean: perChannel('latents_mean'), deviation: perChannel('latents_std') }
}

/** Latents [channels, frames, h, w] as the encoder's network gives them → as the transformer wants them. */
export function normalized(
  latents: Value,
  { mean, deviation }: LatentStatistics,
  { scaling_factor }: LtxVaeConfig,
): Value {
  return divide(multiply(subtract(latents, mean), scaling_factor), deviation)
}

/** The inverse of `normalized`. */
export function denormalized(
  latents: Value,
  { mean, deviation }: LatentStatistics,
  { scaling_factor }: LtxVaeConfig,
): Value {
  return add(divide(multiply(latents, deviation), scaling_factor), mean)
}

/** (1 − scale) · latents + scale · noise. */
function withNoise(latents: Value): Value {
  const noise = latents.graph.input('noise', 'f32', latents.shape)
  const scale = latents.graph.input('noise.scale', 'f32', [1])
  return add(latents, multiply(subtract(noise, latents), scale))
}
