import { randomInt } from 'node:crypto'
import type { Json, JsonObject } from '../../jobs/contract.ts'
import type { GenerateRequest } from '../../pipeline/fields/request-fields.ts'
import type { Loras } from '../generation-fields.ts'
import { invalidField } from '../http/http-error.ts'
import { fitFrames, fitSize, isStep, nearest, type ServedModel, type Size } from '../models/served-model.ts'

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
  /** Adapters of the operator, by name. */
  readonly loras?: Loras | undefined
}

/** Far enough from a video to follow a prompt, near enough to keep its motion. */
const defaultStrength = 0.7

/** The request for the engine, its seed and sizes set: a task that is tried again makes the same video. */
export function planVideo(model: ServedModel, wanted: WantedVideo): JsonObject {
  const { extensions, seed = randomInt(2 ** 32) } = wanted
  const fps = extensions.fps ?? model.defaults.fps
  const frames = framesOf(model, wanted, fps)
  const fields: Record<string, Json | undefined> = {
    ...(extensions as JsonObject),
    prompt: wanted.prompt,
    seed: String(seed),
    ...sizeOf(model, wanted),
    frames,
    // The rate of a video that goes on is its own.
    fps: wanted.extend === undefined ? fps : extensions.fps,
    image: wanted.image,
    lastImage: wanted.lastImage,
    references: wanted.references,
    video: wanted.video,
    extend: wanted.extend,
    seconds: wanted.extend === undefined || frames !== undefined ? undefined : wanted.seconds,
    // Without a strength, a video is a control.
    strength:
      wanted.video && model.modes.includes('video') ? (wanted.strength ?? defaultStrength) : undefined,
  }
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  )
}

function sizeOf(model: ServedModel, { size, extensions }: WantedVideo): Partial<Size> {
  const { sizes, defaults } = model
  const { width, height } = extensions
  const fitted = size ? fitSize(model, size) : defaults
  check('width', width, sizes.width)
  check('height', height, sizes.height)
  return { width: width ?? fitted.width, height: height ?? fitted.height }
}

/** A video that is worked from says how long the result is, unless the request does. */
function framesOf(
  model: ServedModel,
  { seconds, video, extend, extensions }: WantedVideo,
  fps: number,
): number | undefined {
  const { frames } = extensions
  // What is added may be of any length.
  if (extend !== undefined) return frames
  check('numFrames', frames, model.sizes.frames)
  if (frames !== undefined) return frames
  if (seconds !== undefined) return fitFrames(model, seconds, fps)
  return video === undefined ? model.defaults.frames : undefined
}

function check(name: string, value: number | undefined, steps: ServedModel['sizes']['width']): void {
  if (value === undefined || isStep(steps, value)) return
  const near = nearest(steps, value)
  const most = steps.last === undefined ? '' : `, at most ${steps.last}`
  const message = `Expected ${steps.first} or a multiple of ${steps.step} more${most}, got ${value}. The nearest is ${near}.`
  throw invalidField([name], message)
}
