import { randomInt } from 'node:crypto'
import { requestFields } from '../../api/request-fields.ts'
import { RequestError } from '../../errors.ts'
import type { Json, JsonObject } from '../../jobs/task.ts'
import { dropNotices, type Notify } from '../../notices.ts'
import type { GeneratePlan, GenerateRequest } from '../../pipeline/fields/request-fields.ts'
import { requestFromJson } from '../../pipeline/fields/stored-fields.ts'
import { planRequest, shapingInput } from '../../pipeline/request.ts'
import { clientPath, type FieldNames, type Loras, type Naming } from '../generation-fields.ts'
import { invalidField } from '../http/http-error.ts'
import { defaultFrames, defaultSize, fitSize, type ServedModel, type Size } from '../models/served-model.ts'

/** What an API asks for, in its own terms. */
export interface WantedVideo {
  readonly prompt: string
  readonly seed: number | undefined
  /** Size that the request asks for in the API's own field: the nearest that the checkpoint makes is made, and noticed. */
  readonly size?: Size | undefined
  /** Length that the request asks for: rounded to frames, and refused where the checkpoint makes none as long. */
  readonly seconds?: number | undefined
  /** What the API makes where the request does not say; fitted to the checkpoint. */
  readonly defaults?: { readonly size?: Size | undefined; readonly seconds?: number | undefined }
  /** Keys of the storage. */
  readonly image?: string | undefined
  readonly lastImage?: string | undefined
  readonly video?: string | undefined
  readonly references?: readonly string[] | undefined
  /** A video to go on from: `seconds` are then added to it. */
  readonly extend?: string | undefined
  /** How far a video may be left, from 0 to 1. */
  readonly strength?: number | undefined
  /** These are taken as they are: they have to fit. */
  readonly extensions: Partial<GenerateRequest>
  /** How the API writes their names. */
  readonly naming: Naming
  /** What the request calls fields of the engine that it names in its own way, such as `image`: `promptImage[0].uri`. */
  readonly fields?: FieldNames
  /** Adapters of the operator, by name. */
  readonly loras?: Loras | undefined
}

/** Far enough from a video to follow a prompt, near enough to keep its motion. */
const defaultStrength = 0.7

/**
 * The request for the engine. Its seed is set, and its size and length where no file says them: a task that is tried
 * again makes the same video.
 * @param notify told where that is not what the request asks for
 * @throws HttpError 400 for what the checkpoint cannot do, by the API's name of the field
 */
export function planVideo(model: ServedModel, wanted: WantedVideo, notify: Notify = dropNotices): JsonObject {
  return settleRequest(model, askedOf(model, wanted, notify), wanted, notify).generate
}

/** A request with the sizes that its run has to have, and what comes of it. */
export interface SettledRequest {
  readonly generate: JsonObject
  readonly plan: GeneratePlan
}

/**
 * Fixes what a request leaves to the model, so that every run of it makes the same.
 * @param asked fields of the engine's requests; files by any name
 * @throws HttpError 400 for what the checkpoint cannot do, by the request's name of the field
 */
export function settleRequest(
  model: ServedModel,
  asked: JsonObject,
  names: Pick<WantedVideo, 'naming' | 'fields'>,
  notify: Notify,
): SettledRequest {
  const request = requestFromJson(asked, requestFields)
  // How long a clip is, and what is left of it, is seen by the run.
  const ofClip = asked.video !== undefined || asked.extend !== undefined
  const plan = checkedPlan(request, model, names, ofClip ? dropNotices : notify)
  if (ofClip) return { generate: asked, plan }
  const { seconds: _, ...fields } = asked
  const { width, height, frames, fps } = plan
  const shaped = shapingInput(request) !== undefined
  return { generate: { ...fields, ...(!shaped && { width, height }), frames, fps }, plan }
}

function askedOf(model: ServedModel, wanted: WantedVideo, notify: Notify): JsonObject {
  const { extensions, seed = randomInt(2 ** 32) } = wanted
  const fields: Record<string, Json | undefined> = {
    ...sizeOf(model, wanted, notify),
    ...lengthOf(model, wanted),
    ...(extensions as JsonObject),
    prompt: wanted.prompt,
    seed: String(seed),
    image: wanted.image,
    lastImage: wanted.lastImage,
    references: wanted.references,
    video: wanted.video,
    extend: wanted.extend,
    // Without a strength, a video is a control.
    strength:
      wanted.video && model.modes.includes('video') ? (wanted.strength ?? defaultStrength) : undefined,
  }
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  )
}

function sizeOf(
  model: ServedModel,
  { size, defaults, extensions }: WantedVideo,
  notify: Notify,
): Record<string, number> {
  if (size === undefined) return defaults?.size ? { ...defaultSize(model, defaults.size) } : {}
  const made = fitSize(model, size)
  const same = made.width === size.width && made.height === size.height
  if (!same && extensions.width === undefined && extensions.height === undefined) {
    const asked = `${size.width}x${size.height}`
    notify(
      'request/rounded',
      `size: ${asked} is made as ${made.width}x${made.height}, which the model can make.`,
    )
  }
  return { ...made }
}

function lengthOf(model: ServedModel, { seconds, defaults, extend, extensions }: WantedVideo): JsonObject {
  if (extensions.frames !== undefined) return {}
  if (seconds !== undefined) return { seconds }
  if (defaults?.seconds === undefined) return {}
  // What is added to a video may be of any length.
  if (extend !== undefined) return { seconds: defaults.seconds }
  return { frames: defaultFrames(model, defaults.seconds, extensions.fps ?? model.defaults.fps) }
}

function checkedPlan(
  request: GenerateRequest,
  { facts }: ServedModel,
  { naming, fields = {} }: Pick<WantedVideo, 'naming' | 'fields'>,
  notify: Notify,
) {
  try {
    return planRequest(request, facts, { fields: requestFields, randomSeed: () => 0n, notify })
  } catch (error) {
    if (!(error instanceof RequestError) || !error.expectation) throw error
    const { subject, expected, got, advice } = error.expectation
    const sentence = `Expected ${expected}, got ${got}.${advice ? ` ${advice}` : ''}`
    throw invalidField(clientPath(subject, naming, fields), sentence)
  }
}
