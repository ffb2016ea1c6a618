import type { GenerationRecord } from '../media/record.ts'
import type { WriterOptions } from '../media/writer.ts'
import type { GeneratePlan } from '../pipeline/request.ts'

export interface Provenance {
  /** The name by which the model can be asked for again. */
  readonly model: string
  /** Of this package. */
  readonly version: string
  readonly upscale?: WriterOptions['upscale']
}

/** Everything that is needed to make the same video again; what has no effect is left out. */
export function recordOf(plan: GeneratePlan, { model, version, upscale }: Provenance): GenerationRecord {
  const [from, to] = plan.guidanceInterval
  return {
    prompt: plan.prompt,
    negativePrompt: plan.negativePrompt,
    seed: String(plan.seed),
    model,
    ...(plan.sampler && { sampler: plan.sampler }),
    steps: plan.steps,
    guidance: plan.guidance,
    ...(plan.guidance2 !== plan.guidance && { guidance2: plan.guidance2 }),
    ...((from !== 0 || to !== 1) && { guidanceInterval: [from, to] }),
    ...(plan.guidanceRescale !== 0 && { guidanceRescale: plan.guidanceRescale }),
    ...(plan.shift !== undefined && { shift: plan.shift }),
    width: plan.width,
    height: plan.height,
    frames: plan.frames,
    fps: plan.fps,
    maxTextTokens: plan.textTokens,
    ...visualsOf(plan),
    ...(upscale && { upscale: { ...upscale } }),
    version,
  }
}

/** Pictures and videos are named, not stored. */
function visualsOf(plan: GeneratePlan): Partial<GenerationRecord> {
  const controlled = plan.mask !== undefined || plan.references.length > 0 || plan.video !== undefined
  return {
    ...(plan.image !== undefined && { image: plan.image }),
    ...(plan.lastImage !== undefined && { lastImage: plan.lastImage }),
    ...(plan.keyframes.length > 0 && { keyframes: plan.keyframes.map(keyframe => ({ ...keyframe })) }),
    ...(plan.video !== undefined && { video: plan.video }),
    ...(plan.strength !== undefined && { strength: plan.strength }),
    ...(plan.mask !== undefined && { mask: plan.mask }),
    ...(plan.references.length > 0 && { references: plan.references }),
    ...(controlled && { controlScale: plan.controlScale }),
  }
}
