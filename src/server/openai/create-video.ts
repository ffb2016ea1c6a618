import type { JsonObject, TaskRecord } from '../../jobs/contract.ts'
import { extensionsOf } from '../generation-fields.ts'
import { HttpError, invalidField, parseBody } from '../http/http-error.ts'
import type { MultipartFile } from '../http/read-multipart.ts'
import type { RouteRequest } from '../http/route.ts'
import type { ServedModel, Size } from '../models/served-model.ts'
import { runwayModels } from '../runway/models.ts'
import type { Services } from '../services.ts'
import { checkMode } from '../tasks/check-modes.ts'
import { createTask } from '../tasks/create-task.ts'
import { planTask } from '../tasks/plan-task.ts'
import type { WantedVideo } from '../tasks/plan-video.ts'
import { type CreateBody, createBody } from './create-body.ts'
import type { ReceivedBody } from './read-body.ts'
import { lengthOf } from './video-object.ts'

/** Names that clients of OpenAI's API know. */
export const openaiModels: readonly string[] = ['sora-2', 'sora-2-pro']

const defaults = { seconds: 4, size: '720x1280' }

/** What goes into a video beside the body: a video to start from, and what is told of it. */
export interface CreateExtras {
  /** Key in the storage. */
  readonly video?: string
  readonly about?: JsonObject
  /** Whether the video is worked over, in its own length, or goes on. */
  readonly from?: 'edit' | 'extension'
}

/** Puts a video into the queue that is described in the fields of this API. @throws HttpError */
export async function createVideo(
  services: Services,
  from: RouteRequest,
  { body, files, identity }: ReceivedBody,
  extras: CreateExtras = {},
): Promise<TaskRecord> {
  const fields = parseBody(createBody, body)
  const name = fields.model ?? openaiModels[0]!
  const model = modelOf(services, name)
  const { owner } = from
  return await createTask(services, {
    from,
    api: 'openai',
    identity: [from.incoming.url, identity],
    webhookUrl: fields.webhook_url,
    prepare: async () => {
      const reference = await takeReference(services, model, owner.id, fields, files)
      const lastImage = await takeLastImage(services, model, owner.id, fields)
      const video = extras.video ?? reference.video
      const pictured = [video, reference.image, lastImage].some(Boolean)
      const own = extras.from === 'edit' || (video !== undefined && extras.from === undefined)
      const request = planTask(model, {
        ...wanted(fields),
        // A picture or a video has a shape of its own.
        size: sizeOf(fields.size ?? (pictured ? undefined : defaults.size)),
        seconds: fields.seconds ?? (own ? undefined : defaults.seconds),
        image: reference.image,
        lastImage,
        ...(extras.from === 'extension' ? { extend: video } : { video }),
      })
      return {
        request,
        about: {
          ...aboutOf(fields, name, request.generate, extras),
          fields: {
            image: reference.field ?? 'input_reference',
            lastImage: 'last_image_reference',
            video: reference.field ?? 'video',
            extend: 'video',
          },
        },
      }
    },
  })
}

function modelOf({ catalogue }: Services, name: string): ServedModel {
  if (openaiModels.includes(name) || runwayModels.includes(name) || catalogue.knows(name)) {
    return catalogue.modelFor(name)
  }
  const known = [...openaiModels, ...catalogue.aliases, ...catalogue.checkpoints].join(', ')
  const message = `Expected a model of ${known}, got ${JSON.stringify(name)}.`
  throw new HttpError(400, message, { param: 'model', code: 'model_not_found' })
}

function wanted(fields: CreateBody): WantedVideo {
  return {
    prompt: fields.prompt,
    seed: fields.seed,
    strength: fields.strength,
    extensions: extensionsOf(fields, 'underscores'),
    naming: 'underscores',
    loras: fields.loras,
  }
}

function sizeOf(text: string | undefined): Size | undefined {
  if (text === undefined) return undefined
  const [width, height] = text.split('x').map(Number) as [number, number]
  return { width, height }
}

interface Reference {
  readonly image?: string
  readonly video?: string
  /** What the request calls it. */
  readonly field?: string
}

/** The picture or video of the request: a file of the form, or an address. */
async function takeReference(
  { assets }: Services,
  model: ServedModel,
  owner: string,
  fields: CreateBody,
  files: readonly MultipartFile[],
): Promise<Reference> {
  const [file, ...more] = files
  if (more.length > 0) throw invalidField([more[0]!.field], 'There can be one file.')
  if (file) {
    const kind = await assets.kindOf(file.path, [file.field])
    checkMode(model, file.field, kind === 'image' ? ['image'] : ['video', 'control'])
    return { [kind]: await assets.adopt(file.path, kind, [file.field]), field: file.field }
  }
  const { input_reference: input, image_reference: image, video_reference: video } = fields
  const imageUrl =
    (typeof input === 'object' ? input.image_url : input) ?? image?.image_url ?? fields.reference_url
  const videoUrl = video?.video_url ?? fields.video_url
  if (imageUrl !== undefined) {
    checkMode(model, 'input_reference', ['image'])
    return {
      image: await assets.take(imageUrl, 'image', owner, ['input_reference']),
      field: 'input_reference',
    }
  }
  if (videoUrl === undefined) return {}
  checkMode(model, 'video_url', ['video', 'control'])
  return { video: await assets.take(videoUrl, 'video', owner, ['video_url']), field: 'video_url' }
}

async function takeLastImage(
  { assets }: Services,
  model: ServedModel,
  owner: string,
  { last_image_reference: last }: CreateBody,
): Promise<string | undefined> {
  if (!last) return undefined
  checkMode(model, 'last_image_reference', ['last-image'])
  return await assets.take(last.image_url, 'image', owner, ['last_image_reference'])
}

/** What `videoObject` shows, and `remix` starts from. */
function aboutOf(
  fields: CreateBody,
  name: string,
  generate: JsonObject,
  { about }: CreateExtras,
): JsonObject {
  const { width, height, frames, fps, seed } = generate
  const length = typeof frames === 'number' && typeof fps === 'number' ? lengthOf({ frames, fps }) : null
  return {
    model: name,
    prompt: fields.prompt,
    seconds: fields.seconds === undefined ? length : String(fields.seconds),
    // Where a picture or a video says it, it is known when the video is made.
    size: width === undefined || height === undefined ? null : `${width}x${height}`,
    seed: seed ?? null,
    ...about,
  }
}
