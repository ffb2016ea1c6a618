/** How VACE sees a control video, its mask and reference pictures (diffusers `WanVACEPipeline`). */

import { invalidRequest } from '../../src/errors.ts'
import { latentShape } from '../../src/geometry/video-geometry.ts'
import { letterbox, nearestExactFrames, toMask } from '../../src/media/fit.ts'
import type { Picture } from '../../src/media/read-picture.ts'
import { resample } from '../../src/media/resample.ts'
import { patchedShape } from '../../src/nn/patch-embedding.ts'
import type {
  LazyPictures,
  ModelFacts,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from '../../src/pipeline/family.ts'
import { concatenate } from '../../src/tensor/axis.ts'
import { lazyTensor, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import type { WanTransformerConfig } from './config.ts'
import { fittedClip } from './visual-pictures.ts'

/**
 * The control has three parts: latents of what stays (mask black), latents of what may change (mask white), and the
 * mask itself, 8×8 pixels of it a channel. Reference pictures are frames before the clip.
 */
export async function controlConditioning(
  inputs: VisualInputs,
  context: VisualContext,
  config: WanTransformerConfig,
  facts: ModelFacts,
): Promise<VisualConditioning> {
  // Both clips are made of it: it is resized once.
  const video = inputs.video && fittedClip(resized(inputs.video, context), context)
  const mask = inputs.mask && maskPlanes(inputs.mask, context)
  const shape = [context.frames, 3, context.height, context.width]
  // Of zeros, what stays and what may change are the same.
  const shown = (white: boolean): LazyPictures => ({
    shape,
    picture: frame => video && masked(video.picture(frame)!, mask?.[frame], white),
  })
  const inactive = await context.encode(shown(false))
  const reactive = video ? await context.encode(shown(true)) : inactive
  // Each reference goes before what is there, so the last one comes first.
  const references = await Promise.all(inputs.references.map(picture => referenceLatents(picture, context)))
  const count = references.length
  const { latentFrames, latentHeight, latentWidth } = context.size
  const channels = 2 * facts.latentChannels + facts.geometry.spatialStride ** 2
  const whole = [channels, count + latentFrames, latentHeight, latentWidth] // [96, frames, h, w]
  const control = lazyTensor('f32', patchedShape(whole, config.patch_size), () => {
    const clip = concatenate([inactive, reactive], 0) // [32, frames, h, w]
    const latents = concatenate([...references.toReversed(), clip], 1)
    return concatenate([latents, maskChannels(mask, context, facts, count)], 0).data // [96, frames, h, w]
  })
  const feeds = { control, 'control.scale': layerScales(context, config) }
  const size = { ...context.size, latentFrames: count + latentFrames }
  const stream = {
    shape: latentShape(facts.latentChannels, size),
    extra: { before: count, after: 0 },
  }
  return { feeds: facts.experts.map(() => feeds), streams: [stream] }
}

/** Pictures at the size of the clip; one that is held, and stands there once for every frame, is the same again. */
function resized(pictures: readonly Picture[], { width, height }: VisualContext): Picture[] {
  const all = new Map<Picture, Picture>()
  for (const each of new Set(pictures)) all.set(each, resample(each, { width, height }, 'lanczos'))
  return pictures.map(picture => all.get(picture)!)
}

/** Brightness of the mask's red channel, from 0 (keep) to 1 (change): [height, width] of every frame. */
function maskPlanes(mask: readonly Picture[], context: VisualContext): Float32Array[] {
  const pictures = resized(mask, context)
  const planes = new Map([...new Set(pictures)].map(picture => [picture, toMask(picture)]))
  return pictures.map(picture => planes.get(picture)!)
}

/** A picture [3, height, width] where the mask is white (or black), 0 elsewhere. Without a mask all is white. */
function masked(
  picture: Float32Array,
  mask: Float32Array | undefined,
  white: boolean,
): Float32Array | undefined {
  if (!mask) return white ? picture : undefined
  const masked = new Float32Array(picture.length)
  for (let pixel = 0; pixel < mask.length; pixel++) {
    if (mask[pixel]! > 0.5 !== white) continue
    for (let at = pixel; at < picture.length; at += mask.length) masked[at] = picture[at]!
  }
  return masked
}

/** [32, 1, h, w]: the picture on white at the size of the clip as inactive latents, nothing reactive. */
async function referenceLatents(picture: Picture, context: VisualContext): Promise<Tensor> {
  const pixels = tensor('f32', [1, 3, context.height, context.width], letterbox(picture, context))
  const latents = await context.encode(pixels)
  return concatenate([latents, tensor('f32', latents.shape, new Float32Array(latents.data.length))], 0)
}

/** [64, frames, h, w]: the pixels of every 8×8 block as channels, frames picked nearest; 0 for references. */
function maskChannels(
  mask: readonly Float32Array[] | undefined,
  context: VisualContext,
  facts: ModelFacts,
  references: number,
): Tensor {
  const { latentFrames, latentHeight, latentWidth } = context.size
  const block = facts.geometry.spatialStride
  const frames = references + latentFrames
  const plane = latentHeight * latentWidth
  const data = new Float32Array(block * block * frames * plane)
  for (const [frame, source] of nearestExactFrames(context.frames, latentFrames).entries()) {
    for (let channel = 0; channel < block * block; channel++) {
      const start = (channel * frames + references + frame) * plane
      const cells = data.subarray(start, start + plane)
      if (mask) pickPixels(cells, mask[source]!, { channel, block, columns: latentWidth })
      else cells.fill(1)
    }
  }
  return tensor('f32', [block * block, frames, latentHeight, latentWidth], data)
}

/** The pixel of every block that a channel is of, row by row. @param columns blocks in a row */
function pickPixels(
  cells: Float32Array,
  pixels: Float32Array,
  { channel, block, columns }: { channel: number; block: number; columns: number },
): void {
  const width = columns * block
  const first = Math.floor(channel / block) * width + (channel % block)
  for (let cell = 0, row = first; cell < cells.length; row += block * width) {
    for (let pixel = row; pixel < row + width - (channel % block); pixel += block)
      cells[cell++] = pixels[pixel]!
  }
}

/** One strength a VACE layer. */
function layerScales({ plan: { controlScale } }: VisualContext, config: WanTransformerConfig): Tensor {
  const layers = config.vace_layers?.length ?? 0
  if (controlScale.length !== 1 && controlScale.length !== layers) {
    throw invalidRequest(
      'controlScale',
      `one number, or ${layers} for the layers of this checkpoint`,
      controlScale.length,
    )
  }
  const scales = Array.from({ length: layers }, (_, layer) => controlScale[layer] ?? controlScale[0]!)
  return tensor('f32', [layers], Float32Array.from(scales))
}
