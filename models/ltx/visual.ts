/** How LTX-Video sees pictures and clips (diffusers `LTXConditionPipeline.prepare_latents`). */

import { invalidRequest, type RequestError } from '../../src/errors.ts'
import { rotaryFeeds } from '../../src/geometry/rotary.ts'
import { latentShape } from '../../src/geometry/video-geometry.ts'
import { toUnitRange } from '../../src/media/fit.ts'
import type { Picture } from '../../src/media/read-picture.ts'
import { resample } from '../../src/media/resample.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import type {
  Keyframe,
  KnownPositions,
  ModelFacts,
  StreamConditioning,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from '../../src/pipeline/family.ts'
import { concatenate, sliceAxis } from '../../src/tensor/axis.ts'
import { elementCount } from '../../src/tensor/dtype.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { encodeClip, wholeClip } from '../ltx-vae/clip.ts'
import type { LtxTransformerConfig } from './config.ts'
import { causalSeconds, evenSeconds, ltxRotaryTables } from './rotary.ts'

export interface LtxVisualOptions {
  readonly facts: ModelFacts
  readonly transformer: LtxTransformerConfig
  /**
   * Whether pictures can stand at any frame, as in `LTXConditionPipeline`, which times frames by the first pixel frame of
   * each; otherwise one can be the first frame, as in `LTXImageToVideoPipeline`.
   */
  readonly anyFrame: boolean
}

/** Latent frames of a clip that is put inside the video: the rest of it goes into the video itself. */
const prefixFrames = 2

/** Strengths closer to 1 than this are 1 (diffusers' tolerance). */
const tolerance = 1e-6

/** A clip of latents before the video, held to a strength. */
interface Held {
  readonly latents: Tensor
  readonly strength: number
  /** Pixel frame that it starts at. */
  readonly firstFrame: number
}

/** What the denoiser sees of pictures, and starts from. */
export async function conditionLtx(
  options: LtxVisualOptions,
  inputs: VisualInputs,
  context: VisualContext,
): Promise<VisualConditioning> {
  return options.anyFrame
    ? await conditionAtFrames(options, inputs, context)
    : await conditionFirstFrame(options, inputs, context)
}

/**
 * The first latent frame is that of the picture, clean at every step (diffusers
 * `LTXImageToVideoPipeline.prepare_latents`). The sample of the picture's posterior is drawn before the video's noise.
 */
async function conditionFirstFrame(
  { facts, transformer }: LtxVisualOptions,
  { image }: VisualInputs,
  context: VisualContext,
): Promise<VisualConditioning> {
  const { latentFrames } = context.size
  const shape = latentShape(facts.latentChannels, context.size)
  const seconds = evenSeconds({
    frames: latentFrames,
    temporalStride: facts.geometry.temporalStride,
    fps: context.fps,
  })
  const feeds = [clipRotary(seconds, context, facts, transformer)]
  if (!image) return { feeds, streams: [{ shape }] }
  const picture = await encode([image], context, facts)
  const video = mixed(normal(shape, context), 0, picture, 1)
  const shown = Float32Array.from({ length: latentFrames }, (_, frame) => (frame === 0 ? 1 : 0))
  const latents = float32Data(video)
  const known = { latents, shown, share: shown.map(clean => 1 - clean) }
  return { feeds, streams: [{ shape, initial: { latents, noise: 'included' }, known }] }
}

/**
 * Conditions at frame 0 are mixed into the noise of the first latent frames. Others stand before the video as frames
 * of their own, timed at the frame they are for; of a clip only its first two latent frames do, the rest is mixed
 * into the video. Everything is drawn from the run's generator: the noise of the video first.
 */
async function conditionAtFrames(
  { facts, transformer }: LtxVisualOptions,
  inputs: VisualInputs,
  context: VisualContext,
): Promise<VisualConditioning> {
  const { latentFrames, latentHeight, latentWidth } = context.size
  const shape = latentShape(facts.latentChannels, context.size)
  const given = conditionsOf(inputs, context.frames)
  if (given.length === 0) {
    const feeds = [clipRotary(secondsOf([], context, facts), context, facts, transformer)]
    return { feeds, streams: [{ shape }] }
  }
  let video: Tensor = normal(shape, context)
  const strengths = new Float32Array(latentFrames)
  const leading: Held[] = []
  const mix = (start: number, latents: Tensor, strength: number) => {
    video = mixed(video, start, latents, strength)
    strengths.fill(strength, start, start + latents.shape[1]!)
  }
  for (const { frame, pictures, strength } of given) {
    const latents = await encode(wholeClip(pictures, frame, context, facts), context, facts)
    const count = latents.shape[1]!
    if (frame === 0) {
      mix(0, latents, strength)
      continue
    }
    if (pictures.length > 1 && count < prefixFrames) throw tooShort(frame, facts)
    const prefix = sliceAxis(latents, 1, 0, Math.min(count, prefixFrames))
    if (count > prefixFrames) {
      const start = Math.floor(frame / facts.geometry.temporalStride) + prefixFrames
      mix(start, sliceAxis(latents, 1, prefixFrames, count), strength)
    }
    leading.push({
      latents: mixed(normal(prefix.shape, context), 0, prefix, strength),
      strength,
      firstFrame: frame,
    })
  }
  const before = leading.map(({ latents }) => latents)
  const leadingStrengths = leading.flatMap(({ latents, strength }) =>
    new Array<number>(latents.shape[1]!).fill(strength),
  )
  const latents = float32Data(concatenate([...before, video], 1))
  const held = Float32Array.from([...leadingStrengths, ...strengths])
  const known: KnownPositions = {
    latents,
    limit: held.map(strength => 1 - strength),
    shown: held.map(strength => (strength > 1 - tolerance ? 1 : 0)),
    shownNoise: context.plan.imageNoiseScale ?? 0,
  }
  const stream: StreamConditioning = {
    shape: [facts.latentChannels, held.length, latentHeight, latentWidth],
    extra: { before: leadingStrengths.length, after: 0 },
    initial: { latents, noise: 'included' },
    known,
  }
  const seconds = secondsOf(leading, context, facts)
  return { feeds: [clipRotary(seconds, context, facts, transformer)], streams: [stream] }
}

/** The request's pictures in the order that they are drawn for: first frame, keyframes as given, last frame. */
function conditionsOf({ image, lastImage, keyframes }: VisualInputs, frames: number): Keyframe[] {
  const at = (frame: number, picture: Picture | undefined) =>
    picture ? [{ frame, pictures: [picture], strength: 1 }] : []
  return [...at(0, image), ...keyframes, ...at(frames - 1, lastImage)]
}

/** Normalised latents, a sample of the posterior: [channels, frames, h, w]. */
async function encode(
  pictures: readonly Picture[],
  context: VisualContext,
  facts: ModelFacts,
): Promise<Tensor> {
  return await encodeClip(pictures, context, {
    facts,
    planes: picture => toUnitRange(resample(picture, context, 'lanczos')),
    noise: count => context.noise.randn(count),
  })
}

/** base + strength · (latents − base) in the frames from `start` on. */
function mixed(base: Tensor, start: number, latents: Tensor, strength: number): Tensor {
  const count = latents.shape[1]!
  const target = float32Data(latents)
  const inner = sliceAxis(base, 1, start, start + count)
  const data = inner.data.map((value, index) => value + strength * (target[index]! - value))
  return concatenate(
    [
      sliceAxis(base, 1, 0, start),
      tensor('f32', inner.shape, data),
      sliceAxis(base, 1, start + count, base.shape[1]!),
    ],
    1,
  )
}

function normal(shape: readonly number[], { noise }: VisualContext): Tensor {
  return tensor('f32', shape, noise.randn(elementCount(shape)))
}

function secondsOf(leading: readonly Held[], { size, fps }: VisualContext, facts: ModelFacts): Float32Array {
  const timing = (frames: number) => ({ frames, temporalStride: facts.geometry.temporalStride, fps })
  const before = leading.map(({ latents, firstFrame }) =>
    causalSeconds(timing(latents.shape[1]!), firstFrame),
  )
  return Float32Array.from([...before, causalSeconds(timing(size.latentFrames))].flatMap(part => [...part]))
}

function clipRotary(
  seconds: Float32Array,
  { size }: VisualContext,
  facts: ModelFacts,
  config: LtxTransformerConfig,
) {
  const tables = ltxRotaryTables({
    seconds,
    height: size.latentHeight,
    width: size.latentWidth,
    spatialStride: facts.geometry.spatialStride,
    dim: modelWidth(config),
  })
  return rotaryFeeds(tables)
}

function tooShort(frame: number, { geometry }: ModelFacts): RequestError {
  return invalidRequest(
    `keyframe ${frame}`,
    `one picture, or a clip of at least ${geometry.temporalStride + 1} frames`,
    'a shorter clip',
  )
}
