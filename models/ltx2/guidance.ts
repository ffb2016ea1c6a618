import type { GeneratePlan, GuidedStream, ModelFacts } from '../../src/pipeline/family.ts'
import type { Guidance } from '../../src/sampling/guidance.ts'
import { type Ltx2TransformerConfig, streamNames } from './config.ts'

/** Passes of the network beside conditional and unconditional: with perturbed blocks, and with streams that are alone. */
export const perturbedPass = 'stg'
export const isolatedPass = 'modality'

/** The blocks of the network that are perturbed; none where it was not trained for it. */
export function perturbedBlocks(
  config: Ltx2TransformerConfig,
  { stgBlocks = [] }: Pick<GeneratePlan, 'stgBlocks'>,
): number[] {
  return config.perturbed_attn ? stgBlocks.filter(block => block < config.num_layers) : []
}

/** What an amount of the sound stands for where it is 0: that of the video (diffusers' `audio_scale or scale`). */
function ofStream(stream: number, video = 0, audio = 0): number {
  return streamNames[stream] === 'audio' ? audio || video : video
}

/**
 * The guidance of a stream: a pass is run where either stream asks for it, and counts in both. A perturbed pass of a network
 * that no block of is perturbed would be the conditional one.
 */
export function ltx2Guidance(
  config: Ltx2TransformerConfig,
  guidance: Guidance,
  { stream, plan }: GuidedStream,
): Guidance {
  const perturbs = perturbedBlocks(config, plan).length > 0
  const each = (video: number | undefined, sound: number | undefined) => {
    return streamNames.map((_, index) => ofStream(index, video, sound))
  }
  const skips = each(plan.stgScale, plan.audioStgScale)
  const apart = each(plan.modalityGuidance, plan.audioModalityGuidance)
  return {
    ...guidance,
    scale: ofStream(stream, guidance.scale, plan.audioGuidance),
    rescale: ofStream(stream, guidance.rescale, plan.audioGuidanceRescale),
    space: 'denoised',
    passes: {
      ...(perturbs && skips.some(scale => scale > 0) && { [perturbedPass]: skips[stream]! }),
      ...(apart.some(scale => scale > 1) && { [isolatedPass]: apart[stream]! - 1 }),
    },
  }
}

/** Facts that requests of this family are checked by. */
export const ltx2Takes = [
  'audioGuidance',
  'audioGuidanceRescale',
  'stgScale',
  'audioStgScale',
  'stgBlocks',
  'modalityGuidance',
  'audioModalityGuidance',
  'useCrossTimestep',
  'imageCrf',
  'shiftTokens',
  'upsampler',
  'stage2Sigmas',
  'stage2Seed',
] as const satisfies ModelFacts['takes']
