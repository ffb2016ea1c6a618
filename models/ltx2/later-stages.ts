import type { GeneratePlan, LaterStage } from '../../src/pipeline/family.ts'

/**
 * The second stage of a request with an upsampler and noise levels for it: at twice the size, without guidance (diffusers'
 * and the makers' two-stage runs of distilled weights).
 */
export function laterStages(plan: GeneratePlan): LaterStage[] {
  const { stage2Sigmas: sigmas, stage2Seed: seed, upsampler, ...rest } = plan
  if (sigmas === undefined || upsampler === undefined) return []
  const next: GeneratePlan = {
    ...rest,
    width: 2 * plan.width,
    height: 2 * plan.height,
    sigmas,
    steps: sigmas.length,
    timesteps: undefined,
    latents: undefined,
    guidance: [1],
    guidanceRescale: 0,
    audioGuidance: 1,
    audioGuidanceRescale: 0,
    stgScale: 0,
    audioStgScale: 0,
    modalityGuidance: 1,
    audioModalityGuidance: 1,
    upsampler: undefined,
    stage2Sigmas: undefined,
    stage2Seed: undefined,
  }
  return [{ plan: next, ...(seed !== undefined && { seed }) }]
}
