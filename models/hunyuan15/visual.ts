/** How HunyuanVideo 1.5 sees a picture (diffusers `HunyuanVideo15ImageToVideoPipeline`). */

import { latentShape } from '../../src/geometry/video-geometry.ts'
import { coverFrame } from '../../src/media/cover.ts'
import { clipPixelValues, toUnitRange } from '../../src/media/fit.ts'
import type { Picture } from '../../src/media/read-picture.ts'
import { resample } from '../../src/media/resample.ts'
import type {
  Feed,
  ModelFacts,
  RunGraph,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from '../../src/pipeline/family.ts'
import { elementCount } from '../../src/tensor/dtype.ts'
import { float32Data, tensor } from '../../src/tensor/tensor.ts'
import { noRows } from './text.ts'

export interface HunyuanVisualOptions {
  readonly facts: Pick<ModelFacts, 'latentChannels'>
  /** preprocessor_config.json of the picture encoder, where there is one. */
  readonly preprocessor: unknown
  /** Width of the transformer's tokens. */
  readonly model: number
}

/**
 * Beside the latents the network sees those of the picture in the first latent frame, and a mask that is 1 there; and the
 * picture's hidden states. Of a request without a picture it sees zeros, and no states.
 */
export async function conditionHunyuan(
  { facts, preprocessor, model }: HunyuanVisualOptions,
  { image }: VisualInputs,
  context: VisualContext,
): Promise<VisualConditioning> {
  const shape = latentShape(facts.latentChannels, context.size)
  const [channels, frames, height, width] = shape as [number, number, number, number]
  const shown = [channels + 1, frames, height, width]
  const condition = tensor('f32', [1, ...shown], new Float32Array(elementCount(shown)))
  const streams = [{ shape }]
  if (image === undefined) return { feeds: [{ condition, image: noRows(model) }], streams }

  const frame = context.plan.fit === 'crop' ? coverFrame(image, context) : resample(image, context, 'lanczos')
  const pixels = tensor('f32', [1, 3, context.height, context.width], toUnitRange(frame))
  const first = float32Data(await context.encode(pixels)) // [channels, 1, h, w]
  const plane = height * width
  for (let channel = 0; channel < channels; channel++) {
    condition.data.set(first.subarray(channel * plane, (channel + 1) * plane), channel * frames * plane)
  }
  condition.data.fill(1, channels * frames * plane, channels * frames * plane + plane)
  return { feeds: [{ condition, ...(await imageTokens(frame, preprocessor, context.run)) }], streams }
}

async function imageTokens(
  frame: Picture,
  preprocessor: unknown,
  run: RunGraph,
): Promise<Readonly<Record<string, Feed>>> {
  const { data, size } = clipPixelValues(frame, siglipProcessor(preprocessor))
  const { tensors } = await run('image-encoder', { pixels: tensor('f32', [1, 3, size, size], data) })
  const { residents } = await run('image-context', { states: tensors.embeddings! }, { keep: () => true })
  return residents
}

/** What `SiglipImageProcessor` does, as options of CLIP's: the whole picture is resized to the square. */
function siglipProcessor(config: unknown): object {
  const half = [0.5, 0.5, 0.5]
  const options = {
    image_mean: half,
    image_std: half,
    size: { height: 224, width: 224 },
    ...(config as object),
  }
  return { ...options, do_center_crop: true, crop_size: options.size }
}
