import type { Picture } from '../../src/media/read-picture.ts'
import { recompress } from '../../src/media/recompress.ts'
import type { GeneratePlan } from '../../src/pipeline/family.ts'

/** A picture as training saw it (diffusers `apply_image_conditioning_crf`); as it is with an `imageCrf` of 0. */
export async function recompressed(
  picture: Picture,
  { imageCrf = 0 }: Pick<GeneratePlan, 'imageCrf'>,
): Promise<Picture> {
  return imageCrf === 0 ? picture : await recompress(picture, imageCrf)
}
