import { z } from 'zod'
import { RequestError } from '../errors.ts'
import type { VideoGeometry } from '../geometry/video-geometry.ts'
import { framesForSeconds } from '../geometry/video-geometry.ts'
import type { Notify } from '../notices.ts'
import { dropNotices } from '../notices.ts'
import { type GuidanceMethod, guidanceMethod, guidanceMethodNames } from '../sampling/guidance-method.ts'
import { samplerNames } from '../sampling/samplers/sampler.ts'
import { addedFrames, type ExtendPlan, planExtension } from './extend-plan.ts'
import type { ModelFacts } from './family.ts'
import { invalidField } from './invalid-field.ts'
import { checkFields } from './model-fields.ts'
import { noticePlan } from './request-notices.ts'
import { checkModes, checkPlaces } from './visual.ts'

const seedLimit = 2n ** 64n

const seedField = z
  .union([z.int().nonnegative(), z.bigint().nonnegative()], 'a whole number from 0 to 2^64 - 1')
  .transform(BigInt)
  .refine(seed => seed < seedLimit, 'a whole number from 0 to 2^64 - 1')

/** What a caller asks for. Everything but the prompt has a default of the checkpoint. */
export const generateRequest = z.strictObject({
  prompt: z.string(),
  negativePrompt: z.string().optional(),
  width: z.int().positive().optional(),
  height: z.int().positive().optional(),
  /** Length in frames, or in seconds; frames win. */
  frames: z.int().positive().optional(),
  seconds: z.number().positive().optional(),
  fps: z.number().positive().max(240).optional(),
  steps: z.int().min(1).max(1000).optional(),
  guidance: z.number().min(0).max(100).optional(),
  /** Guidance of the low-noise expert, for checkpoints with two; that of the first unless given. */
  guidance2: z.number().min(0).max(100).optional(),
  /** Share of the steps, from 0 to 1, in which guidance is on. */
  guidanceInterval: z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]).optional(),
  /** Strength of guidance rescale (Lin et al. 2023), from 0 (off) to 1. */
  guidanceRescale: z.number().min(0).max(1).optional(),
  /** How the conditional and the unconditional velocity are combined; classifier-free guidance unless given. */
  guidanceMethod: z.enum(guidanceMethodNames).optional(),
  /** cfg-zero-star: first steps of the schedule that leave the latents as they are; 1 unless given. */
  zeroInitSteps: z.int().min(0).max(1000).optional(),
  /** apg: share that is kept of guidance parallel to the conditional velocity, from 0 (the default) to 1 (all). */
  apgEta: z.number().min(0).max(1).optional(),
  /** apg: L2 norm, over all latents, that the difference between the velocities is cut to; 0, the default: no cut. */
  apgNormThreshold: z.number().min(0).optional(),
  /** apg: weight of the differences of the steps before, between -1 and 1; -0.5 unless given. */
  apgMomentum: z.number().gt(-1).lt(1).optional(),
  /**
   * Skips the network in steps where its output is estimated to have changed by less than this share since it last
   * ran (EasyCache, Zhou et al. 2025), from 0 (the default: never) to 1. Its authors use 0.05 for Wan 2.1.
   */
  stepCache: z.number().min(0).max(1).optional(),
  /** 0 … 2^64 − 1; a random one unless given. */
  seed: seedField.optional(),
  sampler: z.enum(samplerNames).optional(),
  /** Timestep shift of the flow schedule. */
  shift: z.number().positive().max(100).optional(),
  /** First and last frame: files of JPEG, PNG, WebP or AVIF. */
  image: z.string().min(1).optional(),
  lastImage: z.string().min(1).optional(),
  /** Pictures at frames of the clip, or clips that start there; each with how strongly it is held, 1 unless given. */
  keyframes: z
    .array(
      z.strictObject({
        frame: z.int().nonnegative(),
        path: z.string().min(1),
        strength: z.number().gt(0).max(1).optional(),
      }),
    )
    .optional(),
  /** A clip, as a file or a folder of pictures: to start from with `strength`, else as a control. */
  video: z.string().min(1).optional(),
  /** How far the result may go from `video`, from 0 (not at all) to 1. */
  strength: z.number().gt(0).max(1).optional(),
  /** White where the control video may be changed; a clip of the same length. */
  mask: z.string().min(1).optional(),
  /** Pictures of what is to appear. */
  references: z.array(z.string().min(1)).optional(),
  /** Strength of the control: one number, or one for each of its layers. */
  controlScale: z
    .union([z.number(), z.array(z.number()).min(1)], 'a number, or a list of numbers')
    .optional(),
  /** A clip to go on from: `frames` or `seconds` then say how much is added to it. */
  extend: z.string().min(1).optional(),
  /** With `extend`: frames that are made at a time; the model's default length unless given. */
  window: z.int().positive().optional(),
  /** With `extend`: frames of what was there before that a window begins with. */
  overlap: z.int().positive().optional(),
  /** Noise that fully held pictures are given at every step, for models that take it. */
  imageNoiseScale: z.number().min(0).max(1).optional(),
  /** Timestep and noise that the decoder sees the latents at, for decoders that are conditioned on it. */
  decodeTimestep: z.number().min(0).max(1).optional(),
  decodeNoiseScale: z.number().min(0).max(1).optional(),
  /** Seed of the noise that some decoders inject; the request's seed unless given. */
  decodeSeed: seedField.optional(),
  /** Tokens that the prompt is padded or cut to. */
  maxTextTokens: z.int().min(2).max(4096).optional(),
  /** Latent frames that are decoded at a time. */
  chunk: z.int().positive().optional(),
  /** Whether events carry the tensors of every stage: for comparing with other implementations. */
  tensors: z.boolean().optional(),
})

export type GenerateRequest = Readonly<z.input<typeof generateRequest>>

/** A request with every question answered. */
export interface GeneratePlan {
  readonly prompt: string
  readonly negativePrompt: string
  readonly width: number
  readonly height: number
  readonly frames: number
  readonly fps: number
  readonly steps: number
  readonly guidance: number
  readonly guidance2: number
  readonly guidanceInterval: readonly [number, number]
  readonly guidanceRescale: number
  readonly guidanceMethod: GuidanceMethod
  readonly stepCache: number
  readonly seed: bigint
  readonly sampler: z.infer<typeof generateRequest>['sampler']
  readonly shift: number | undefined
  readonly image: string | undefined
  readonly lastImage: string | undefined
  readonly keyframes: readonly { readonly frame: number; readonly path: string; readonly strength: number }[]
  readonly video: string | undefined
  readonly strength: number | undefined
  readonly mask: string | undefined
  readonly references: readonly string[]
  readonly controlScale: readonly number[]
  readonly extend: ExtendPlan | undefined
  readonly imageNoiseScale: number | undefined
  readonly decodeTimestep: number | undefined
  readonly decodeNoiseScale: number | undefined
  readonly decodeSeed: bigint | undefined
  readonly textTokens: number
  readonly chunk: number
  readonly tensors: boolean
}

const defaultChunk = 4

/** diffusers' `image_cond_noise_scale`. */
const defaultImageNoiseScale = 0.15

/**
 * Checks a request and fills in the defaults of the model.
 * @param notify told where the plan is not what the request says, and what the model was not trained for
 * @throws RequestError `request/invalid` for a field that is wrong, `request/size` for a size that does not fit
 */
export function planRequest(
  request: GenerateRequest,
  facts: ModelFacts,
  randomSeed: () => bigint,
  notify: Notify = dropNotices,
): GeneratePlan {
  const parsed = generateRequest.safeParse(request)
  if (!parsed.success) throw invalidField(parsed.error.issues[0]!, request)
  const fields = parsed.data
  const { defaults, geometry } = facts
  const fps = fields.fps ?? defaults.fps
  const guidance = fields.guidance ?? defaults.guidance
  const extend = planExtension(fields, facts)
  checkFields(fields, facts.takes)
  if (fields.guidance2 !== undefined && facts.experts.length === 1) throw oneExpert()
  const plan: GeneratePlan = {
    prompt: fields.prompt,
    negativePrompt: fields.negativePrompt ?? defaults.negativePrompt,
    width: fields.width ?? defaults.width,
    height: fields.height ?? defaults.height,
    frames: extend
      ? addedFrames(fields, extend, fps)
      : (fields.frames ?? secondsToFrames(geometry, fields.seconds, fps) ?? defaults.frames),
    fps,
    steps: fields.steps ?? defaults.steps,
    guidance,
    guidance2: fields.guidance2 ?? guidance,
    guidanceInterval: fields.guidanceInterval ?? [0, 1],
    guidanceRescale: fields.guidanceRescale ?? 0,
    guidanceMethod: guidanceMethod(fields.guidanceMethod, fields),
    stepCache: fields.stepCache ?? 0,
    seed: fields.seed ?? randomSeed(),
    sampler: fields.sampler,
    shift: fields.shift,
    image: fields.image,
    lastImage: fields.lastImage,
    keyframes: (fields.keyframes ?? []).map(keyframe => ({ ...keyframe, strength: keyframe.strength ?? 1 })),
    video: fields.video,
    strength: fields.strength,
    mask: fields.mask,
    references: fields.references ?? [],
    controlScale: [fields.controlScale ?? 1].flat(),
    extend,
    imageNoiseScale: facts.takes.includes('imageNoiseScale')
      ? (fields.imageNoiseScale ?? defaultImageNoiseScale)
      : undefined,
    decodeTimestep: fields.decodeTimestep,
    decodeNoiseScale: fields.decodeNoiseScale,
    decodeSeed: fields.decodeSeed,
    textTokens: fields.maxTextTokens ?? facts.textTokens,
    chunk: fields.chunk ?? defaultChunk,
    tensors: fields.tensors ?? false,
  }
  checkModes(plan, facts)
  checkPlaces(plan)
  noticePlan(request, plan, facts, notify)
  return plan
}

function oneExpert(): RequestError {
  return new RequestError('request/unsupported', {
    subject: 'guidance2',
    expected: 'a checkpoint with two experts',
    got: 'one with a single transformer',
    advice: 'Use guidance alone.',
  })
}

function secondsToFrames(
  geometry: VideoGeometry,
  seconds: number | undefined,
  fps: number,
): number | undefined {
  return seconds === undefined ? undefined : framesForSeconds(geometry, seconds, fps)
}
