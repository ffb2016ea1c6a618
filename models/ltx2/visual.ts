/**
 * What LTX-2 begins from, with the pictures and clips of a request (diffusers `LTX2Pipeline`, `LTX2ImageToVideoPipeline` and
 * `LTX2ConditionPipeline`, `prepare_latents`). Everything is drawn from the run's generator, the video first.
 */
import { latentShape } from '../../src/geometry/video-geometry.ts'
import type {
  ModelFacts,
  StreamConditioning,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from '../../src/pipeline/family.ts'
import { elementCount } from '../../src/tensor/dtype.ts'
import { float32Data, type Tensor } from '../../src/tensor/tensor.ts'
import type { Ltx2TransformerConfig } from './config.ts'
import { encodeStretched, type Held, heldPictures } from './held-pictures.ts'
import { rotaryFeeds } from './rotary-feeds.ts'
import { audioFrames, type SoundLatents } from './sound-latents.ts'
import { mixedNoise, type Order } from './starting-noise.ts'

export interface Ltx2VisualOptions {
  readonly facts: ModelFacts
  readonly transformer: Ltx2TransformerConfig
  readonly sound: SoundLatents
  /** Whether a request without pictures, or with a first frame alone, is drawn as `LTX2ConditionPipeline` does. */
  readonly anyFrame: boolean
}

/** Feeds and streams of a run, or of a stage that goes on from the latents of the one before. */
export async function conditionLtx2(
  options: Ltx2VisualOptions,
  inputs: VisualInputs,
  context: VisualContext,
): Promise<VisualConditioning> {
  const { image, lastImage, keyframes } = inputs
  const elsewhere = keyframes.length > 0 || lastImage !== undefined
  const held =
    elsewhere || options.anyFrame ? await heldPictures(inputs, context, options.facts) : ([] as const)
  const video = await videoStream(options, { held, image, drawn: elsewhere || options.anyFrame }, context)
  const audio = audioStream(options, { drawn: elsewhere || options.anyFrame }, context)
  const { size } = context
  const cells = size.latentHeight * size.latentWidth
  const tokens = context.plan.shiftTokens ?? video.shape[1]! * cells
  const appended = held.filter(({ frame }) => frame > 0)
  const feeds = rotaryFeeds(options, { appended, sounds: audio.shape[1]! }, context)
  return { feeds: [feeds], streams: [video, audio].map(stream => ({ ...stream, tokens })) }
}

interface Given {
  readonly held: readonly Held[]
  readonly image: VisualInputs['image']
  /** Whether noise is drawn here, token by token. */
  readonly drawn: boolean
}

async function videoStream(
  { facts }: Ltx2VisualOptions,
  { held, image, drawn }: Given,
  context: VisualContext,
): Promise<StreamConditioning> {
  const { size, from } = context
  const shape = latentShape(facts.latentChannels, size)
  const before = from?.[0]
  if (drawn) return heldStream(shape, held, before, context)
  if (!image) return before ? renoised(shape, before, 'tokens-first', context) : { shape }
  const still = before ?? (await encodeStretched(image, context, facts))
  return firstFrameStream(shape, still, before, context)
}

/** The first latent frame is clean in every step: that of the picture, or in a later stage of the clip before. */
function firstFrameStream(
  shape: readonly number[],
  still: Tensor,
  before: Tensor | undefined,
  context: VisualContext,
): StreamConditioning {
  const clean = new Float32Array(elementCount(shape))
  putFrames(clean, shape, still, { at: 0, count: 1 })
  const mask = Float32Array.from({ length: shape[1]! }, (_, frame) => (frame === 0 ? 1 : 0))
  const base = before ? float32Data(before) : clean
  const scale = before ? firstLevel(context) : 1
  const latents = mixedNoise({ shape, base, mask, scale, order: 'as-stored' }, context.noise)
  const known = { latents: clean, share: mask.map(held => 1 - held), pull: mask }
  return { shape, initial: { latents, noise: 'included' }, known }
}

/** Pictures at frame 0 are put over the first tokens; others follow the clip as tokens of their own. */
function heldStream(
  [channels, frames, height, width]: readonly number[],
  held: readonly Held[],
  before: Tensor | undefined,
  context: VisualContext,
): StreamConditioning {
  const appended = held.filter(({ frame }) => frame > 0)
  const extra = appended.reduce((sum, { latents }) => sum + latents.shape[1]!, 0)
  const shape = [channels!, frames! + extra, height!, width!]
  const clean = new Float32Array(elementCount(shape))
  const base = new Float32Array(clean.length)
  const mask = new Float32Array(shape[1]!)
  if (before) putFrames(base, shape, before, { at: 0, count: frames! })
  const put = (at: number, { latents, strength }: Held) => {
    const count = latents.shape[1]!
    for (const target of [clean, base]) putFrames(target, shape, latents, { at, count })
    mask.fill(strength, at, at + count)
  }
  for (const each of held) if (each.frame === 0) put(0, each)
  let next = frames!
  for (const each of appended) {
    put(next, each)
    next += each.latents.shape[1]!
  }
  const scale = firstLevel(context)
  const latents = mixedNoise({ shape, base, mask, scale, order: 'tokens-first' }, context.noise)
  return {
    shape,
    extra: { before: 0, after: extra },
    initial: { latents, noise: 'included' },
    known: { latents: clean, share: mask.map(strength => 1 - strength), pull: mask },
  }
}

function audioStream(
  { sound }: Ltx2VisualOptions,
  { drawn }: Pick<Given, 'drawn'>,
  context: VisualContext,
): StreamConditioning {
  const shape = [sound.channels, audioFrames(sound, context), sound.bins]
  const before = context.from?.[1]
  if (before) return renoised(shape, before, 'rows-first', context)
  if (!drawn) return { shape }
  const count = elementCount(shape)
  const free = { shape, base: new Float32Array(count), mask: new Float32Array(shape[1]!) }
  const latents = mixedNoise({ ...free, scale: 1, order: 'rows-first' }, context.noise)
  return { shape, initial: { latents, noise: 'included' } }
}

/** Latents of the stage before with as much noise as the first level asks for. */
function renoised(
  shape: readonly number[],
  before: Tensor,
  order: Order,
  context: VisualContext,
): StreamConditioning {
  const mask = new Float32Array(shape[1]!)
  const base = float32Data(before)
  const latents = mixedNoise({ shape, base, mask, scale: firstLevel(context), order }, context.noise)
  return { shape, initial: { latents, noise: 'included' } }
}

/** The noise level that a run begins at, as the request says it. */
function firstLevel({ plan }: VisualContext): number {
  return plan.sigmas?.[0] ?? 1
}

/** Writes the first `count` frames of latents [channels, …, h, w] from frame `at` on. */
function putFrames(
  target: Float32Array,
  [channels, frames, height, width]: readonly number[],
  latents: Tensor,
  { at, count }: { readonly at: number; readonly count: number },
): void {
  const plane = height! * width!
  const own = latents.shape[1]! * plane
  const source = float32Data(latents)
  for (let channel = 0; channel < channels!; channel++) {
    const part = source.subarray(channel * own, channel * own + count * plane)
    target.set(part, (channel * frames! + at) * plane)
  }
}
