import type { ModelFacts } from '../../src/pipeline/family.ts'

export const imageToVideo = 'HunyuanVideo15ImageToVideoPipeline'

/** The classes of diffusers' `pipelines/hunyuan_video1_5`. */
export const hunyuanPipelines = ['HunyuanVideo15Pipeline', imageToVideo]

/** @param showsPicture whether it is the class of image to video */
export function hunyuanModes(showsPicture: boolean): Pick<ModelFacts, 'modes' | 'requires'> {
  return showsPicture ? { modes: ['text', 'image'], requires: ['image'] } : { modes: ['text'], requires: [] }
}
