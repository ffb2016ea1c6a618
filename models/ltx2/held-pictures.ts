/** Pictures and clips as latents that a clip is held to (diffusers `LTX2ConditionPipeline.preprocess_conditions`). */
import { RequestError } from '../../src/errors.ts'
import { coverCropped, toUnitRange } from '../../src/media/fit.ts'
import type { Picture } from '../../src/media/read-picture.ts'
import { resample } from '../../src/media/resample.ts'
import type { Keyframe, ModelFacts, VisualContext, VisualInputs } from '../../src/pipeline/family.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { recompressed } from './recompress.ts'

export interface Held {
  /** Normalised, [channels, frames, h, w]. */
  readonly latents: Tensor
  readonly strength: number
  /** Frame that they stand at. */
  readonly frame: number
  readonly pictures: number
}

/** The request's pictures, in the order first frame, keyframes as given, last frame. */
export async function heldPictures(
  { image, lastImage, keyframes }: VisualInputs,
  context: VisualContext,
  facts: ModelFacts,
): Promise<Held[]> {
  const stride = facts.geometry.temporalStride
  const at = (frame: number, picture: Picture | undefined): Keyframe[] =>
    picture ? [{ frame, pictures: [picture], strength: 1 }] : []
  const last = Math.max(0, context.frames - stride)
  const given = [...at(0, image), ...keyframes, ...at(last, lastImage)]
  const held: Held[] = []
  for (const { frame, pictures, strength } of given) {
    const used = trimmed(pictures, frame, context, stride)
    const sources = pictures.length === 1 ? [await recompressed(used[0]!, context.plan)] : used
    const planes = sources.map(picture => coverCropped(picture, context))
    held.push({ latents: await encoded(planes, context, facts), strength, frame, pictures: used.length })
  }
  return held
}

/** The latents of a first frame, its shape ignored (diffusers `LTX2ImageToVideoPipeline`): [channels, 1, h, w]. */
export async function encodeStretched(
  image: Picture,
  context: VisualContext,
  facts: ModelFacts,
): Promise<Tensor> {
  const { width, height } = context
  const source = await recompressed(image, context.plan)
  return await encoded([toUnitRange(resample(source, { width, height }, 'bilinear'))], context, facts)
}

/** A clip cut to what fits behind its frame, and to whole latent frames. */
function trimmed(
  pictures: readonly Picture[],
  frame: number,
  { frames, notify }: VisualContext,
  stride: number,
): readonly Picture[] {
  if (frame >= frames) {
    const expected = `a frame from 0 to ${frames - 1}`
    throw new RequestError('request/invalid', { subject: 'keyframe', expected, got: String(frame) })
  }
  const fitting = Math.min(pictures.length, frames - frame)
  const whole = Math.floor((fitting - 1) / stride) * stride + 1
  if (whole < pictures.length) {
    const cut = `${pictures.length} frames are cut to ${whole}, which are whole latent frames and fit`
    notify('clip/cut', `keyframe ${frame}: ${cut}.`)
  }
  return pictures.slice(0, whole)
}

/** The mode of the posterior of pictures [3, height, width] each, in [−1, 1]. */
async function encoded(
  planes: readonly Float32Array[],
  { width, height, size, run }: VisualContext,
  { geometry, latentChannels }: ModelFacts,
): Promise<Tensor> {
  const data = new Float32Array(planes.length * 3 * width * height)
  planes.forEach((plane, index) => {
    data.set(plane, index * plane.length)
  })
  const latentFrames = (planes.length - 1) / geometry.temporalStride + 1
  const shape = [latentChannels, latentFrames, size.latentHeight, size.latentWidth]
  const { tensors } = await run('vae-encoder', {
    pictures: tensor('f32', [planes.length, 3, height, width], data),
    noise: tensor('f32', shape, new Float32Array(shape.reduce((product, dim) => product * dim, 1))),
  })
  return tensor('f32', shape, float32Data(tensors.latents))
}
