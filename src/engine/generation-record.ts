import type { GenerationRecord } from '../media/record.ts'
import type { WriterOptions } from '../media/writer.ts'
import type { GeneratePlan } from '../pipeline/request.ts'
import type { AdapterOptions } from './adapters.ts'

export interface Provenance {
  /** The name by which the model can be asked for again. */
  readonly model: string
  /** Of this package. */
  readonly version: string
  readonly upscale?: WriterOptions['upscale']
  readonly adapters?: readonly AdapterOptions[]
}

/** Everything that is needed to make the same video again; what has no effect is left out. */
export function recordOf(
  plan: GeneratePlan,
  { model, version, upscale, adapters = [] }: Provenance,
): GenerationRecord {
  return {
    prompt: plan.prompt,
    negativePrompt: plan.negativePrompt,
    seed: String(plan.seed),
    model,
    ...(plan.sampler && { sampler: plan.sampler }),
    steps: plan.steps,
    guidance: plan.guidance,
    ...guidanceOf(plan),
    ...(plan.stepCache !== 0 && { stepCache: plan.stepCache }),
    ...(plan.shift !== undefined && { shift: plan.shift }),
    width: plan.width,
    height: plan.height,
    frames: plan.frames,
    fps: plan.fps,
    maxTextTokens: plan.textTokens,
    ...visualsOf(plan),
    ...adaptersOf(adapters),
    ...decodingOf(plan),
    ...(upscale && { upscale: { ...upscale } }),
    version,
  }
}

/** Guidance beyond its strength. */
function guidanceOf(plan: GeneratePlan): Partial<GenerationRecord> {
  const { guidanceInterval, guidanceMethod: method } = plan
  const [from, to] = guidanceInterval
  return {
    ...(plan.guidance2 !== plan.guidance && { guidance2: plan.guidance2 }),
    ...((from !== 0 || to !== 1) && { guidanceInterval }),
    ...(plan.guidanceRescale !== 0 && { guidanceRescale: plan.guidanceRescale }),
    ...(method.name !== 'cfg' && { guidanceMethod: method.name }),
    ...(method.name === 'cfg-zero-star' && { zeroInitSteps: method.zeroInitSteps }),
    ...(method.name === 'apg' && {
      apgEta: method.eta,
      apgNormThreshold: method.normThreshold,
      apgMomentum: method.momentum,
    }),
  }
}

/** Adapters are named, not stored; those of a second expert apart. */
function adaptersOf(adapters: readonly AdapterOptions[]): Partial<GenerationRecord> {
  const forExpert = (index: number) => {
    return adapters
      .filter(({ expert = 0 }) => expert === index)
      .map(({ path, scale = 1 }) => ({ path, ...(scale !== 1 && { scale }) }))
  }
  const [first, second] = [forExpert(0), forExpert(1)]
  return {
    ...(first.length > 0 && { adapters: first }),
    ...(second.length > 0 && { adapters2: second }),
  }
}

function decodingOf(plan: GeneratePlan): Partial<GenerationRecord> {
  const { decodeTimestep, decodeNoiseScale, decodeSeed } = plan
  return {
    ...(decodeTimestep !== undefined && { decodeTimestep }),
    ...(decodeNoiseScale !== undefined && { decodeNoiseScale }),
    ...(decodeSeed !== undefined && { decodeSeed: String(decodeSeed) }),
  }
}

/** Pictures and videos are named, not stored. */
function visualsOf(plan: GeneratePlan): Partial<GenerationRecord> {
  const pictured = plan.image !== undefined || plan.keyframes.length > 0
  const control = plan.video !== undefined && plan.strength === undefined
  const controlled = control || plan.mask !== undefined || plan.references.length > 0
  return {
    ...(plan.image !== undefined && { image: plan.image }),
    ...(plan.lastImage !== undefined && { lastImage: plan.lastImage }),
    ...(plan.keyframes.length > 0 && { keyframes: plan.keyframes.map(keyframe => ({ ...keyframe })) }),
    ...(plan.video !== undefined && { video: plan.video }),
    ...(plan.strength !== undefined && { strength: plan.strength }),
    ...(plan.extend && {
      extend: plan.extend.path,
      window: plan.extend.window,
      overlap: plan.extend.overlap,
    }),
    ...(plan.mask !== undefined && { mask: plan.mask }),
    ...(plan.references.length > 0 && { references: plan.references }),
    ...(controlled && { controlScale: plan.controlScale }),
    ...(pictured && plan.imageNoiseScale !== undefined && { imageNoiseScale: plan.imageNoiseScale }),
  }
}
