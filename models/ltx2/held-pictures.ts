/** Pictures and clips as latents that a clip is held to (diffusers `LTX2ConditionPipeline.preprocess_conditions`). */
import { latentStart } from '../../src/geometry/video-geometry.ts'
import { coverCropped, toUnitRange } from '../../src/media/fit.ts'
import type { Picture } from '../../src/media/read-picture.ts'
import { resample } from '../../src/media/resample.ts'
import type { Keyframe, ModelFacts, VisualContext, VisualInputs } from '../../src/pipeline/family.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { encodeClip, wholeClip } from '../ltx-vae/clip.ts'
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
  const at = (frame: number, picture: Picture | undefined): Keyframe[] =>
    picture ? [{ frame, pictures: [picture], strength: 1 }] : []
  const last = latentStart(facts.geometry, context.frames - 1)
  const given = [...at(0, image), ...keyframes, ...at(last, lastImage)]
  const held: Held[] = []
  for (const { frame, pictures, strength } of given) {
    const used = wholeClip(pictures, frame, context, facts)
    const sources = pictures.length === 1 ? [await recompressed(used[0]!, context.plan)] : used
    const latents = await encodeMode(sources, picture => coverCropped(picture, context), context, facts)
    held.push({ latents, strength, frame, pictures: used.length })
  }
  return held
}

/** The latents of a first frame, its shape ignored (diffusers `LTX2ImageToVideoPipeline`): [channels, 1, h, w]. */
export async function encodeStretched(
  image: Picture,
  context: VisualContext,
  facts: ModelFacts,
): Promise<Tensor> {
  const source = await recompressed(image, context.plan)
  const planes = (picture: Picture) => toUnitRange(resample(picture, context, 'bilinear'))
  return await encodeMode([source], planes, context, facts)
}

/** The mode of the posterior of a clip. */
async function encodeMode(
  pictures: readonly Picture[],
  planes: (picture: Picture) => Float32Array,
  context: VisualContext,
  facts: ModelFacts,
): Promise<Tensor> {
  return await encodeClip(pictures, context, { facts, planes, noise: count => new Float32Array(count) })
}
