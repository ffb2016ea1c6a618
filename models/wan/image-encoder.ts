/** How Wan 2.1 image-to-video checkpoints see a picture, beside its latents: CLIP's hidden states. */
import { clipPixelValues } from '../../src/media/fit.ts'
import type { Picture } from '../../src/media/read-picture.ts'
import type { ResidentTensor, RunGraph } from '../../src/pipeline/family.ts'
import { concatenate } from '../../src/tensor/axis.ts'
import { reshaped, tensor } from '../../src/tensor/tensor.ts'

export interface ImageEncoder {
  /** preprocessor_config.json */
  readonly preprocessor: unknown
  /** The graph from hidden states to what the transformer sees of them. */
  readonly context: string
}

/**
 * Encodes the pictures, joins their hidden states one after the other, and computes what the cross-attentions see of them.
 */
export async function embedPictures(
  { preprocessor, context }: ImageEncoder,
  pictures: readonly Picture[],
  run: RunGraph,
): Promise<Readonly<Record<string, ResidentTensor>>> {
  const pixels = pictures.map(picture => {
    const { data, size } = clipPixelValues(picture, preprocessor)
    return tensor('f32', [1, 3, size, size], data)
  })
  const { tensors } = await run('image-encoder', { pixels: concatenate(pixels, 0) })
  const states = tensors.embeddings!
  const [count, tokens, width] = states.shape as [number, number, number]
  const { residents } = await run(
    context,
    { image: reshaped(states, [1, count * tokens, width]) },
    { keep: () => true },
  )
  return residents
}
