/** How VACE sees a control video, its mask and reference pictures (diffusers `WanVACEPipeline`). */
import { RequestError } from '../../src/errors.ts'
import { latentShape } from '../../src/geometry/video-geometry.ts'
import { letterbox, nearestExactFrames, toMask, toUnitRange } from '../../src/media/fit.ts'
import type { Picture } from '../../src/media/read-picture.ts'
import { resample } from '../../src/media/resample.ts'
import type {
  ModelFacts,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from '../../src/pipeline/family.ts'
import { concatenate } from '../../src/tensor/axis.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import type { WanTransformerConfig } from './config.ts'
import { patchedShape } from './transformer.ts'

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
  const video = controlVideo(inputs.video, context)
  const mask = inputs.mask && maskPixels(inputs.mask, context)
  // Of zeros, what stays and what may change are the same.
  const [stays, changes] =
    inputs.video === undefined ? [video, video] : [masked(video, mask, false), masked(video, mask, true)]
  const inactive = await context.encode(stays)
  const reactive = changes === stays ? inactive : await context.encode(changes)
  const clip = concatenate([inactive, reactive], 0) // [32, frames, h, w]
  // Each reference goes before what is there, so the last one comes first.
  const references = await Promise.all(inputs.references.map(picture => referenceLatents(picture, context)))
  const latents = concatenate([...references.toReversed(), clip], 1)
  const count = references.length
  const control = concatenate([latents, maskChannels(mask, context, facts, count)], 0) // [96, frames, h, w]
  const shape = patchedShape(config, facts, control.shape, control.shape[0])
  const feeds = {
    control: tensor('f32', shape, float32Data(control)),
    'control.scale': layerScales(context, config),
  }
  const { latentFrames } = context.size
  const size = { ...context.size, latentFrames: count + latentFrames }
  const stream = {
    shape: latentShape(facts.latentChannels, size),
    extra: { before: count, after: 0 },
  }
  return { feeds: facts.experts.map(() => feeds), streams: [stream] }
}

/** The video at the size of the clip, or zeros: f32 [frames, 3, height, width] in [−1, 1]. */
function controlVideo(
  video: readonly Picture[] | undefined,
  { width, height, frames }: VisualContext,
): Tensor {
  const size = 3 * width * height
  const data = new Float32Array(frames * size)
  video?.forEach((picture, frame) => {
    data.set(toUnitRange(resample(picture, { width, height }, 'lanczos')), frame * size)
  })
  return tensor('f32', [frames, 3, height, width], data)
}

/** Brightness of the mask's red channel, from 0 (keep) to 1 (change): [frames, height, width]. */
function maskPixels(mask: readonly Picture[], { width, height }: VisualContext): Float32Array {
  const plane = width * height
  const pixels = new Float32Array(mask.length * plane)
  // A picture that is held stands there once for every frame.
  const resized = new Map<Picture, Float32Array>()
  mask.forEach((picture, frame) => {
    const known = resized.get(picture) ?? toMask(resample(picture, { width, height }, 'lanczos'))
    resized.set(picture, known)
    pixels.set(known, frame * plane)
  })
  return pixels
}

/** The video where the mask is white (or black), 0 elsewhere. Without a mask all is white. */
function masked(video: Tensor, mask: Float32Array | undefined, white: boolean): Tensor {
  if (!mask) return white ? video : tensor('f32', video.shape, new Float32Array(video.data.length))
  const [frames, channels, height, width] = video.shape as [number, number, number, number]
  const plane = height * width
  const from = float32Data(video)
  const data = new Float32Array(from.length)
  for (let frame = 0; frame < frames; frame++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      if (mask[frame * plane + pixel]! > 0.5 !== white) continue
      for (let channel = 0; channel < channels; channel++) {
        const at = (frame * channels + channel) * plane + pixel
        data[at] = from[at]!
      }
    }
  }
  return tensor('f32', video.shape, data)
}

/** [32, 1, h, w]: the picture on white at the size of the clip as inactive latents, nothing reactive. */
async function referenceLatents(picture: Picture, context: VisualContext): Promise<Tensor> {
  const pixels = tensor('f32', [1, 3, context.height, context.width], letterbox(picture, context))
  const latents = await context.encode(pixels)
  return concatenate([latents, tensor('f32', latents.shape, new Float32Array(latents.data.length))], 0)
}

/** [64, frames, h, w]: the pixels of every 8×8 block as channels, frames picked nearest; 0 for references. */
function maskChannels(
  mask: Float32Array | undefined,
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
    for (let y = 0; y < context.height; y++) {
      for (let x = 0; x < context.width; x++) {
        const channel = (y % block) * block + (x % block)
        const cell = Math.floor(y / block) * latentWidth + Math.floor(x / block)
        const pixel = (source * context.height + y) * context.width + x
        data[(channel * frames + references + frame) * plane + cell] = mask ? mask[pixel]! : 1
      }
    }
  }
  return tensor('f32', [block * block, frames, latentHeight, latentWidth], data)
}

/** One strength a VACE layer. */
function layerScales({ plan: { controlScale } }: VisualContext, config: WanTransformerConfig): Tensor {
  const layers = config.vace_layers?.length ?? 0
  if (controlScale.length !== 1 && controlScale.length !== layers) {
    throw new RequestError('request/invalid', {
      subject: 'controlScale',
      expected: `one number, or ${layers} for the layers of this checkpoint`,
      got: String(controlScale.length),
    })
  }
  const scales = Array.from({ length: layers }, (_, layer) => controlScale[layer] ?? controlScale[0]!)
  return tensor('f32', [layers], Float32Array.from(scales))
}
