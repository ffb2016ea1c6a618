import type { ModelFacts, PipelineAlias } from '../../src/pipeline/family.ts'

export const anyFrame: PipelineAlias = {
  name: 'LTX2ConditionPipeline',
  of: 'LTX2Pipeline',
  changes:
    'the order in which noise is drawn; LTX2Pipeline is run as this class with keyframes or a last frame',
}

const imageToVideo: PipelineAlias = {
  name: 'LTX2ImageToVideoPipeline',
  of: 'LTX2Pipeline',
  changes: 'nothing: with a first frame, LTX2Pipeline is run as this class',
}

export const ltx2Aliases: readonly PipelineAlias[] = [imageToVideo, anyFrame]

/** The classes of diffusers' `pipelines/ltx2`. */
export const ltx2Pipelines = ['LTX2Pipeline', ...ltx2Aliases.map(({ name }) => name)]

export const ltx2Modes: Pick<ModelFacts, 'modes' | 'requires'> = {
  modes: ['text', 'image', 'last-image', 'keyframes'],
  requires: [],
}
