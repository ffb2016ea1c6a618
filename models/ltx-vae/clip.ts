/** Pictures and clips of a request as latents. */
import { invalidRequest } from '../../src/errors.ts'
import { pixelFramesOf, wholeLatents } from '../../src/geometry/video-geometry.ts'
import type { Picture } from '../../src/media/read-picture.ts'
import type { ModelFacts, VisualContext } from '../../src/pipeline/family.ts'
import { elementCount } from '../../src/tensor/dtype.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'

/** A clip cut to what fits behind its frame, and to whole latent frames. */
export function wholeClip(
  pictures: readonly Picture[],
  frame: number,
  { frames, notify }: VisualContext,
  { geometry }: ModelFacts,
): readonly Picture[] {
  if (frame >= frames) {
    const expected = `a frame from 0 to ${frames - 1}`
    throw invalidRequest('keyframe', expected, frame)
  }
  const whole = pixelFramesOf(geometry, wholeLatents(geometry, Math.min(pictures.length, frames - frame)))
  if (whole < pictures.length) {
    const cut = `${pictures.length} frames are cut to ${whole}, which are whole latent frames and fit`
    notify('clip/cut', `keyframe ${frame}: ${cut}.`)
  }
  return pictures.slice(0, whole)
}

export interface EncodeOptions {
  readonly facts: ModelFacts
  /** A picture at the size of the clip, [3, height, width] in [−1, 1]. */
  readonly planes: (picture: Picture) => Float32Array
  /** Factors on the posterior's standard deviation: normal noise gives a sample, zeros the mode. */
  readonly noise: (count: number) => Float32Array
}

/** Normalised latents of a whole clip, [channels, frames, h, w]. */
export async function encodeClip(
  pictures: readonly Picture[],
  { width, height, size, run, encode }: VisualContext,
  { facts, planes, noise }: EncodeOptions,
): Promise<Tensor> {
  const frame = 3 * width * height
  const data = new Float32Array(pictures.length * frame)
  pictures.forEach((picture, index) => {
    data.set(planes(picture), index * frame)
  })
  const latentFrames = wholeLatents(facts.geometry, pictures.length)
  const shape = [facts.latentChannels, latentFrames, size.latentHeight, size.latentWidth]
  const feeds = {
    pictures: tensor('f32', [pictures.length, 3, height, width], data),
    noise: tensor('f32', shape, noise(elementCount(shape))),
  }
  if (facts.encoder) return await encode(feeds.pictures, { noise: feeds.noise })
  const { tensors } = await run('vae-encoder', feeds)
  return tensor('f32', shape, float32Data(tensors.latents))
}
