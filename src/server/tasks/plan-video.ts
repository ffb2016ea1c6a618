import { randomInt } from 'node:crypto'
import { requestFields } from '../../api/request-fields.ts'
import { RequestError } from '../../errors.ts'
import type { Json, JsonObject } from '../../jobs/contract.ts'
import type { GenerateRequest } from '../../pipeline/fields/request-fields.ts'
import { requestFromJson } from '../../pipeline/fields/request-fields.ts'
import { planRequest } from '../../pipeline/request.ts'
import { shapingInput } from '../../pipeline/resolve-request.ts'
import { clientPath, type FieldNames, type Loras, type Naming } from '../generation-fields.ts'
import { invalidField } from '../http/http-error.ts'
import { fitFrames, fitSize, type ServedModel, type Size } from '../models/served-model.ts'

/** What an API asks for, in its own terms. */
export interface WantedVideo {
  readonly prompt: string
  readonly seed: number | undefined
  /** Size and length that an API's field names: what the checkpoint can do is made of them. */
  readonly size?: Size | undefined
  readonly seconds?: number | undefined
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
 * @throws HttpError 400 for what the checkpoint cannot do, by the API's name of the field
 */
export function planVideo(model: ServedModel, wanted: WantedVideo): JsonObject {
  const asked = askedOf(model, wanted)
  const plan = checkedPlan(requestFromJson(asked, requestFields), model, wanted)
  if (shapingInput(asked as Partial<GenerateRequest>) !== undefined) return asked
  const { width, height, frames, fps } = plan
  return { ...asked, width, height, frames, fps }
}

function askedOf(model: ServedModel, wanted: WantedVideo): JsonObject {
  const { extensions, size, seed = randomInt(2 ** 32) } = wanted
  const fields: Record<string, Json | undefined> = {
    ...(size && { ...fitSize(model, size) }),
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

/** What is added to a video may be of any length. */
function lengthOf(model: ServedModel, { seconds, extend, extensions }: WantedVideo): JsonObject {
  if (seconds === undefined || extensions.frames !== undefined) return {}
  if (extend !== undefined) return { seconds }
  return { frames: fitFrames(model, seconds, extensions.fps ?? model.defaults.fps) }
}

function checkedPlan(request: GenerateRequest, { facts }: ServedModel, { naming, fields = {} }: WantedVideo) {
  try {
    return planRequest(request, facts, { fields: requestFields, randomSeed: () => 0n })
  } catch (error) {
    if (!(error instanceof RequestError) || !error.expectation) throw error
    const { subject, expected, got, advice } = error.expectation
    const sentence = `Expected ${expected}, got ${got}.${advice ? ` ${advice}` : ''}`
    throw invalidField(clientPath(subject, naming, fields), sentence)
  }
}
