import type { ModelFacts, PipelineAlias } from '../../src/pipeline/family.ts'

const imageToVideo: PipelineAlias = {
  name: 'LTXImageToVideoPipeline',
  of: 'LTXPipeline',
  changes: 'nothing: with a first frame, LTXPipeline is run as this class',
}

export const ltxAliases: readonly PipelineAlias[] = [imageToVideo]

/** The class that differs in more than taking pictures: schedule, timing, and the mask of the text. */
export const ltxConditionPipeline = 'LTXConditionPipeline'

/** The classes of diffusers' `pipelines/ltx`. */
export const ltxPipelines = ['LTXPipeline', ltxConditionPipeline, imageToVideo.name]

/** @param conditions whether it is `LTXConditionPipeline` */
export function ltxModes(conditions: boolean): Pick<ModelFacts, 'modes' | 'requires'> {
  return {
    modes: conditions ? ['text', 'image', 'last-image', 'keyframes'] : ['text', 'image'],
    requires: [],
  }
}
