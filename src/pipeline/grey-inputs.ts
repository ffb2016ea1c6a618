/** What stands for the pictures and clips of a request where nothing is computed. */
import type { Picture } from '../media/read-picture.ts'
import { elementCount } from '../tensor/dtype.ts'
import { hollow, lazyTensor, type Tensor } from '../tensor/tensor.ts'
import type { Model, VisualInputs } from './family.ts'
import type { GeneratePlan } from './request.ts'

/** The model with clips that are encoded without their pixels, to latents of zeros. */
export function withHollowPictures(model: Model): Model {
  const emptied = (feeds: Readonly<Record<string, Tensor>> = {}) =>
    Object.fromEntries(Object.entries(feeds).map(([name, { dtype, shape }]) => [name, hollow(dtype, shape)]))
  return {
    ...model,
    conditionVisual: (inputs, context) => {
      const encode: typeof context.encode = async (pictures, feeds) => {
        const { shape } = await context.encode(hollow('f32', pictures.shape), emptied(feeds))
        return lazyTensor('f32', shape, () => new Float32Array(elementCount(shape)))
      }
      return model.conditionVisual(inputs, { ...context, encode })
    },
  }
}

/** Grey in the place of every picture and clip of a request. */
export function greyInputs(plan: GeneratePlan): VisualInputs {
  const { width, height, frames } = plan
  const picture: Picture = { width, height, data: new Uint8Array(3 * width * height).fill(127) }
  const clip = (given: string | undefined) =>
    given === undefined ? undefined : new Array<Picture>(frames).fill(picture)
  return {
    image: plan.image === undefined ? undefined : picture,
    lastImage: plan.lastImage === undefined ? undefined : picture,
    keyframes: plan.keyframes.map(({ frame, strength }) => ({ frame, strength, pictures: [picture] })),
    video: clip(plan.video),
    mask: clip(plan.mask),
    references: plan.references.map(() => picture),
  }
}
