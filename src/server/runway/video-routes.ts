import { z } from 'zod'
import { extensionsOf, type FieldNames } from '../generation-fields.ts'
import { fieldName, parseBody } from '../http/http-error.ts'
import { readJson } from '../http/read-json.ts'
import { json, type Route, type RouteRequest } from '../http/route.ts'
import type { ServedModel } from '../models/served-model.ts'
import type { Services } from '../services.ts'
import { checkMode } from '../tasks/check-modes.ts'
import { createTask } from '../tasks/create-task.ts'
import { planTask } from '../tasks/plan-task.ts'
import type { WantedVideo } from '../tasks/plan-video.ts'
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
      const { body, name } = await bodyFor(
        services,
        request,
        textToVideoModels.map(each => each.name),
      )
      const api = textToVideoModels.find(each => each.name === name)
      const fields = parseBody(textToVideoBody(api), body)
      const model = services.catalogue.modelFor(name)
      checkMode(model, ['model'], ['text'])
      return await create(
        services,
        request,
        model,
        { body, name, webhookUrl: fields.webhookUrl, fields: namesOf(fields) },
        async () => ({
          prompt: fields.promptText,
          seed: fields.seed,
          size: sizeOf(fields.ratio),
          seconds: fields.duration,
          extensions: extensionsOf(fields, 'camel'),
          loras: fields.loras,
        }),
      )
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
      const { body, name } = await bodyFor(
        services,
        request,
        imageToVideoModels.map(each => each.name),
      )
      const api = imageToVideoModels.find(each => each.name === name)
      const fields = parseBody(imageToVideoBody(api), body)
      const model = services.catalogue.modelFor(name)
      const { first, last } = imagesOf(fields)
      checkMode(model, first.field, ['image'])
      if (last) checkMode(model, last.field, ['last-image'])
      const take = (image: { uri: string; field: PropertyKey[] } | undefined) =>
        image && services.assets.take(image.uri, 'image', request.owner.id, image.field)
      return await create(
        services,
        request,
        model,
        {
          body,
          name,
          webhookUrl: fields.webhookUrl,
          fields: { ...namesOf(fields), image: first.field, ...(last && { lastImage: last.field }) },
        },
        async () => ({
          prompt: fields.promptText ?? '',
          seed: fields.seed,
          size: sizeOf(fields.ratio),
          seconds: fields.duration,
          image: await take(first),
          lastImage: await take(last),
          extensions: extensionsOf(fields, 'camel'),
          loras: fields.loras,
        }),
      )
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
      const { body, name } = await bodyFor(services, request, videoToVideoModels)
      const fields = parseBody(videoToVideoBody, body)
      const model = services.catalogue.modelFor(name)
      const owner = request.owner.id
      checkMode(model, ['videoUri'], ['video', 'control'])
      if (fields.references) checkMode(model, ['references'], ['references'])
      return await create(
        services,
        request,
        model,
        { body, name, webhookUrl: fields.webhookUrl, fields: namesOf(fields) },
        async () => ({
          prompt: fields.promptText ?? '',
          seed: fields.seed,
          size: sizeOf(fields.ratio),
          video: await services.assets.take(fields.videoUri, 'video', owner, ['videoUri']),
          references: await takeAll(services, owner, fields.references),
          strength: fields.strength,
          extensions: extensionsOf(fields, 'camel'),
          loras: fields.loras,
        }),
      )
    },
  }
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

/** The body, and the model that it names. @throws HttpError 400 that lists the models there are */
async function bodyFor(
  { catalogue }: Services,
  request: RouteRequest,
  names: readonly string[],
): Promise<{ body: unknown; name: string }> {
  const body = await readJson(request)
  const known = [...new Set([...names, ...catalogue.aliases, ...catalogue.checkpoints])]
  const { model } = parseBody(z.object({ model: z.enum(known as [string, ...string[]]) }), body)
  return { body, name: model }
}

async function create(
  services: Services,
  from: RouteRequest,
  model: ServedModel,
  asked: {
    readonly body: unknown
    readonly name: string
    readonly webhookUrl: string | undefined
    readonly fields: FieldNames
  },
  prepare: () => Promise<Omit<WantedVideo, 'naming' | 'fields'>>,
): Promise<Response> {
  const { fields } = asked
  const task = await createTask(services, {
    from,
    api: 'runway',
    identity: [from.incoming.url, asked.body],
    webhook: { url: asked.webhookUrl, field: 'webhookUrl' },
    prepare: async () => {
      const wanted = { ...(await prepare()), naming: 'camel', fields } as const
      const names = Object.entries(fields).map(([field, path]) => [field, fieldName(path)])
      return {
        planned: planTask(model, wanted),
        about: { model: asked.name, fields: Object.fromEntries(names) },
      }
    },
  })
  return json({ id: task.id, estimatedCost: { credits: 0 } })
}
