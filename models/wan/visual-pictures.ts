/** How Wan sees first and last frames, keyframes and clips to start from. */

import { invalidRequest, RequestError } from '../../src/errors.ts'
import { latentShape, pixelFramesOf, wholeLatents } from '../../src/geometry/video-geometry.ts'
import { toUnitRange } from '../../src/media/fit.ts'
import type { Picture } from '../../src/media/read-picture.ts'
import { resample } from '../../src/media/resample.ts'
import { patchedShape } from '../../src/nn/patch-embedding.ts'
import type {
  Keyframe,
  KnownPositions,
  LazyPictures,
  ModelFacts,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from '../../src/pipeline/family.ts'
import { concatenate, sliceAxis } from '../../src/tensor/axis.ts'
import { float32Data, tensor } from '../../src/tensor/tensor.ts'
import type { WanTransformerConfig } from './config.ts'
import { embedPictures, type ImageEncoder } from './image-encoder.ts'

export interface WanVisualOptions {
  readonly facts: ModelFacts
  readonly transformers: readonly [WanTransformerConfig, ...WanTransformerConfig[]]
  /** Whether each latent frame has its own timestep (Wan 2.2 TI2V), so that some can be conditioned without noise. */
  readonly perFrameTimesteps: boolean
  /** The CLIP encoder of Wan 2.1 image-to-video checkpoints. */
  readonly imageEncoder: ImageEncoder | undefined
}

/**
 * Wan 2.1 and A14B image to video: the network sees, beside the latents, four mask channels and the latents of a clip
 * that is grey (zero) but for the given pictures (diffusers `WanImageToVideoPipeline.prepare_latents`).
 */
export async function imageCondition(
  { image, lastImage }: VisualInputs,
  context: VisualContext,
  options: WanVisualOptions,
): Promise<VisualConditioning> {
  const pictures = [image, lastImage].filter(picture => picture !== undefined)
  const latents = await context.encode(greyClip(image, lastImage, context))
  const [, frames, height, width] = latents.shape as [number, number, number, number]
  const mask = tensor(
    'f32',
    [4, frames, height, width],
    pictureMask(frames, height * width, lastImage !== undefined),
  )
  const channels = concatenate([mask, latents], 0) // [20, frames, h, w]
  const shape = patchedShape(channels.shape, options.transformers[0].patch_size)
  const condition = tensor('f32', shape, channels.data)
  const seen = options.imageEncoder ? await embedPictures(options.imageEncoder, pictures, context.run) : {}
  const feeds = options.transformers.map(() => ({ condition, ...seen }))
  return { feeds, streams: [{ shape: latentShape(options.facts.latentChannels, context.size) }] }
}

/** A clip of zeros with the first frame, and the last one where it is given. */
function greyClip(
  image: Picture | undefined,
  lastImage: Picture | undefined,
  { width, height, frames }: VisualContext,
): LazyPictures {
  const shown = new Map<number, Picture>()
  if (image) shown.set(0, image)
  if (lastImage) shown.set(frames - 1, lastImage)
  return {
    shape: [frames, 3, height, width],
    picture(frame) {
      const picture = shown.get(frame)
      return picture && toUnitRange(resample(picture, { width, height }, 'lanczos'))
    },
  }
}

/**
 * [4, latentFrames, pixels]: the mask of the pixel frames, four to a latent frame, the first frame counting four
 * times: 1 where a picture is given.
 */
function pictureMask(latentFrames: number, pixels: number, last: boolean): Float32Array {
  const mask = new Float32Array(4 * latentFrames * pixels)
  for (let channel = 0; channel < 4; channel++) {
    const start = channel * latentFrames * pixels
    mask.fill(1, start, start + pixels)
    if (last && channel === 3)
      mask.fill(1, start + (latentFrames - 1) * pixels, start + latentFrames * pixels)
  }
  return mask
}

/**
 * Latent frames that are shown clean, without noise (Wan 2.2 TI2V: the first). The first latent frame holds one picture;
 * a later one holds four, for which a still one is encoded.
 */
export async function cleanFrames(
  { image, lastImage, keyframes }: VisualInputs,
  context: VisualContext,
  facts: ModelFacts,
): Promise<KnownPositions | undefined> {
  const given = [
    ...(image ? [{ frame: 0, pictures: [image] }] : []),
    ...keyframes.map(keyframe => held(keyframe, facts, context)),
    ...(lastImage ? [{ frame: context.frames - 1, pictures: [lastImage] }] : []),
  ]
  if (given.length === 0) return undefined
  const { latentFrames, latentHeight, latentWidth } = context.size
  const plane = latentHeight * latentWidth
  const latents = new Float32Array(facts.latentChannels * latentFrames * plane)
  const shown = new Float32Array(latentFrames)
  for (const { frame, pictures } of given) {
    checkFrame(frame, context.frames)
    const { temporalStride } = facts.geometry
    const index = Math.ceil(frame / temporalStride)
    if (index > 0) {
      const range = `${(index - 1) * temporalStride + 1} to ${index * temporalStride}`
      const why = `the model holds ${temporalStride} frames at a time`
      context.notify('picture/widened', `keyframe ${frame}: held over frames ${range}: ${why}.`)
    }
    const copies = index === 0 ? 1 : 1 + temporalStride
    const seen = pictures.length > 1 ? pictures : new Array<Picture>(copies).fill(pictures[0]!)
    const encoded = await context.encode(fittedClip(seen, context))
    const first = pictures.length > 1 ? 0 : encoded.shape[1]! - 1
    const count = encoded.shape[1]! - first
    checkFree(frame, shown.subarray(index, index + count))
    const part = float32Data(sliceAxis(encoded, 1, first, first + count)) // [channels, count, h, w]
    for (let channel = 0; channel < facts.latentChannels; channel++) {
      const at = (channel * latentFrames + index) * plane
      latents.set(part.subarray(channel * count * plane, (channel + 1) * count * plane), at)
    }
    shown.fill(1, index, index + count)
  }
  return { latents, shown, share: shown.map(clean => 1 - clean) }
}

/** A keyframe that this model can take: a picture, or at frame 0 a clip of whole latent frames, fully held. */
function held(
  { frame, pictures, strength }: Keyframe,
  { geometry }: ModelFacts,
  { notify }: VisualContext,
): Omit<Keyframe, 'strength'> {
  if (strength === 1 && pictures.length === 1) return { frame, pictures }
  if (strength === 1 && frame === 0) {
    const whole = pixelFramesOf(geometry, wholeLatents(geometry, pictures.length))
    if (whole < pictures.length) {
      const cut = `${pictures.length} frames are cut to ${whole}, which are whole latent frames`
      notify('clip/cut', `keyframe ${frame}: ${cut}.`)
    }
    return { frame, pictures: pictures.slice(0, whole) }
  }
  throw new RequestError('request/unsupported', {
    subject: `keyframe ${frame}`,
    expected: 'a picture, or a clip at frame 0, at strength 1 for this model',
    got: strength === 1 ? `${pictures.length} pictures` : `strength ${strength}`,
  })
}

/** @throws RequestError for a second picture of one latent frame: the first would be lost */
function checkFree(frame: number, taken: Float32Array): void {
  if (taken.every(each => each === 0)) return
  throw invalidRequest(
    `keyframe ${frame}`,
    'a latent frame of its own',
    'one that another picture is given for',
    'Leave one of them out, or move it by a few frames.',
  )
}

function checkFrame(frame: number, frames: number): void {
  if (frame < frames) return
  throw invalidRequest('keyframe', `a frame from 0 to ${frames - 1}`, frame)
}

/** Pictures at the size of the clip. */
export function fittedClip(
  pictures: readonly Picture[],
  { width, height }: { width: number; height: number },
): LazyPictures {
  let known: { picture: Picture; pixels: Float32Array } | undefined
  return {
    shape: [pictures.length, 3, height, width],
    picture(frame) {
      const picture = pictures[frame]!
      if (known?.picture !== picture) {
        known = { picture, pixels: toUnitRange(resample(picture, { width, height }, 'lanczos')) }
      }
      return known.pixels
    },
  }
}
