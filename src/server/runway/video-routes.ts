import { z } from 'zod'
import type { Notice } from '../../notices.ts'
import { extensionsOf, type FieldNames, type Loras } from '../generation-fields.ts'
import { fieldName, parseBody } from '../http/http-error.ts'
import { readJson } from '../http/read-json.ts'
import { json, type Route, type RouteRequest } from '../http/route.ts'
import type { ServedModel } from '../models/served-model.ts'
import type { Services } from '../services.ts'
import { checkMode } from '../tasks/check-modes.ts'
import { createTask } from '../tasks/create-task.ts'
import { planTask } from '../tasks/plan-task.ts'
import type { WantedVideo } from '../tasks/plan-video.ts'
import { unknownFields } from '../unknown-fields.ts'
import { imageToVideoModels, textToVideoModels, videoToVideoModels } from './models.ts'
import { imagesOf, imageToVideoBody, sizeOf, textToVideoBody, videoToVideoBody } from './video-bodies.ts'

/** The endpoints of Runway's API that make a video. */
export function videoRoutes(services: Services): Route[] {
  return [textToVideo(services), imageToVideo(services), videoToVideo(services)]
}

function textToVideo(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/text_to_video',
    api: 'runway',
    summary: 'Make a video from a prompt',
    access: 'key',
    body: { type: ['application/json'], schema: textToVideoBody(undefined) },
    async handle(request) {
      const asked = await readVideo(services, request, textToVideoModels, textToVideoBody)
      checkMode(asked.model, ['model'], ['text'])
      return await create(services, request, asked)
    },
  }
}

function imageToVideo(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/image_to_video',
    api: 'runway',
    summary: 'Make a video from a first frame, and a last one',
    access: 'key',
    note: 'A last frame is taken by every model whose checkpoint can do it.',
    body: { type: ['application/json'], schema: imageToVideoBody(undefined) },
    async handle(request) {
      const asked = await readVideo(services, request, imageToVideoModels, imageToVideoBody)
      const { first, last } = imagesOf(asked.fields)
      checkMode(asked.model, first.field, ['image'])
      if (last) checkMode(asked.model, last.field, ['last-image'])
      const names = { image: first.field, ...(last && { lastImage: last.field }) }
      const take = (image: { uri: string; field: PropertyKey[] } | undefined) =>
        image && services.assets.take(image.uri, 'image', request.owner.id, image.field)
      return await create(services, request, { ...asked, names }, async () => {
        return { image: await take(first), lastImage: await take(last) }
      })
    },
  }
}

function videoToVideo(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/video_to_video',
    api: 'runway',
    summary: 'Make a video from another one',
    access: 'key',
    note: 'Keyframes of aleph2 are not taken.',
    body: { type: ['application/json'], schema: videoToVideoBody },
    async handle(request) {
      const named = videoToVideoModels.map(name => ({ name }))
      const asked = await readVideo(services, request, named, () => videoToVideoBody)
      const { videoUri, references, strength } = asked.fields
      checkMode(asked.model, ['videoUri'], ['video', 'control'])
      if (references) checkMode(asked.model, ['references'], ['references'])
      const owner = request.owner.id
      return await create(services, request, asked, async () => ({
        video: await services.assets.take(videoUri, 'video', owner, ['videoUri']),
        references: await takeAll(services, owner, references),
        strength,
      }))
    },
  }
}

/** Fields that the bodies of all three may have. */
interface VideoBody {
  readonly promptText?: string | undefined
  readonly seed?: number | undefined
  readonly ratio?: string | undefined
  readonly duration?: number | undefined
  readonly loras?: Loras | undefined
  readonly webhookUrl?: string | undefined
}

/** A body that was read, and the model that it asks for. */
interface AskedVideo<Fields extends VideoBody = VideoBody> {
  readonly body: unknown
  /** The model, as the body has it. */
  readonly name: string
  readonly model: ServedModel
  readonly fields: Fields
  /** What is said of fields that the endpoint does not have. */
  readonly notices: readonly Notice[]
  /** What the request calls further fields, beside those of `namesOf`. */
  readonly names?: FieldNames
}

/** What a request calls its fields that the engine has other names for. */
function namesOf(fields: object): FieldNames {
  const { ratio, width, height, duration, numFrames } = fields as Readonly<Record<string, unknown>>
  return {
    prompt: ['promptText'],
    seconds: ['duration'],
    video: ['videoUri'],
    ...(ratio !== undefined && width === undefined && { width: ['ratio'] }),
    ...(ratio !== undefined && height === undefined && { height: ['ratio'] }),
    ...(duration !== undefined && numFrames === undefined && { frames: ['duration'] }),
  }
}

async function takeAll(
  { assets }: Services,
  owner: string,
  references: readonly { readonly uri: string }[] | undefined,
): Promise<string[] | undefined> {
  if (!references) return undefined
  const take = references.map(({ uri }, index) =>
    assets.take(uri, 'image', owner, ['references', index, 'uri']),
  )
  return await Promise.all(take)
}

/**
 * Reads a body by the schema of the model that it names.
 * @param known models of the API; the server's own names are taken too, and have no record
 * @throws HttpError 400, which lists the models there are for another one
 */
async function readVideo<Model extends { readonly name: string }, Fields extends VideoBody>(
  { catalogue }: Services,
  request: RouteRequest,
  known: readonly Model[],
  schemaFor: (model: Model | undefined) => z.ZodObject & z.ZodType<Fields>,
): Promise<AskedVideo<Fields>> {
  const body = await readJson(request)
  const names = [...known.map(each => each.name), ...catalogue.aliases, ...catalogue.checkpoints]
  const modelField = z.enum([...new Set(names)] as [string, ...string[]])
  const { model: name } = parseBody(z.object({ model: modelField }), body)
  const schema = schemaFor(known.find(each => each.name === name))
  const fields = parseBody<Fields>(schema, body)
  const notices = unknownFields(body, fields, Object.keys(schema.shape))
  return { body, name, fields, notices, model: catalogue.modelFor(name) }
}

/** @param prepare takes what the request refers to */
async function create(
  services: Services,
  from: RouteRequest,
  { body, name, model, fields, notices, names }: AskedVideo,
  prepare: () => Promise<Partial<WantedVideo>> = async () => ({}),
): Promise<Response> {
  const called = { ...namesOf(fields), ...names }
  const task = await createTask(services, {
    from,
    api: 'runway',
    identity: [from.incoming.url, body],
    webhook: { url: fields.webhookUrl, field: 'webhookUrl' },
    prepare: async () => {
      const wanted: WantedVideo = {
        prompt: fields.promptText ?? '',
        seed: fields.seed,
        size: sizeOf(fields.ratio),
        seconds: fields.duration,
        extensions: extensionsOf(fields, 'camel'),
        loras: fields.loras,
        ...(await prepare()),
        naming: 'camel',
        fields: called,
      }
      const shown = Object.entries(called).map(([field, path]) => [field, fieldName(path)])
      return {
        planned: planTask(model, wanted, notices),
        about: { model: name, fields: Object.fromEntries(shown) },
      }
    },
  })
  return json({ id: task.id, estimatedCost: { credits: 0 } })
}
