import type { JsonObject, TaskRecord } from '../../jobs/task.ts'
import type { Notice } from '../../notices.ts'
import { extensionsOf, type FieldNames, type Loras } from '../generation-fields.ts'
import { fieldName, HttpError, invalidField, parseBody } from '../http/http-error.ts'
import type { MultipartFile } from '../http/read-multipart.ts'
import type { RouteRequest } from '../http/route.ts'
import type { ServedModel, Size } from '../models/served-model.ts'
import { runwayModels } from '../runway/models.ts'
import type { Services } from '../services.ts'
import { checkMode } from '../tasks/check-modes.ts'
import { createTask } from '../tasks/create-task.ts'
import { planOfClip } from '../tasks/plan-clip.ts'
import { type PlannedTask, planTask } from '../tasks/plan-task.ts'
import type { WantedVideo } from '../tasks/plan-video.ts'
import { unknownFields } from '../unknown-fields.ts'
import { type CreateBody, createBody } from './create-body.ts'
import type { ReceivedBody } from './read-body.ts'
import { lengthOf } from './video-object.ts'

/** Names that clients of OpenAI's API know. */
export const openaiModels: readonly string[] = ['sora-2', 'sora-2-pro']

export const defaultSeconds = 4

const defaultSize = '720x1280'

/** What goes into a video beside the body: a video to start from, and what is told of it. */
export interface CreateExtras {
  /** Key in the storage. */
  readonly video?: string
  readonly about?: JsonObject
  /** Whether the video is worked over, in its own length, or goes on. */
  readonly from?: 'edit' | 'extension'
  /** What was noticed of the request before. @default none */
  readonly notices?: readonly Notice[]
}

/** Puts a video into the queue that is described in the fields of this API. @throws HttpError */
export async function createVideo(
  services: Services,
  from: RouteRequest,
  { body, files, identity }: ReceivedBody,
  extras: CreateExtras = {},
): Promise<TaskRecord> {
  const fields = parseBody(createBody, body)
  const notices = [...(extras.notices ?? []), ...unknownIn(body, fields)]
  const name = fields.model ?? openaiModels[0]!
  const model = modelOf(services, name)
  checkPrompt(fields, files.length > 0 || extras.video !== undefined)
  checkReferences(fields, files, extras)
  const { owner } = from
  return await createTask(services, {
    from,
    api: 'openai',
    identity: [from.incoming.url, identity],
    webhook: { url: fields.webhook_url, field: 'webhook_url' },
    prepare: async () => {
      const reference = await takeReference(services, model, owner.id, fields, files)
      const lastImage = await takeLastImage(services, model, owner.id, fields)
      const video = extras.video ?? reference.video
      const pictured = [video, reference.image, lastImage].some(Boolean)
      const own = extras.from === 'edit' || (video !== undefined && extras.from === undefined)
      const names = namesOf(fields, reference)
      const planned = planTask(
        model,
        {
          ...wanted(fields),
          fields: names,
          // A picture or a video has a shape of its own.
          size: sizeOf(fields.size),
          seconds: fields.seconds,
          defaults: {
            size: pictured ? undefined : sizeOf(defaultSize),
            seconds: own ? undefined : defaultSeconds,
          },
          image: reference.image,
          lastImage,
          ...(extras.from === 'extension' ? { extend: video } : { video }),
        },
        notices,
      )
      return {
        planned,
        about: {
          ...aboutOf(
            fields,
            name,
            { ...planned.request.generate, ...(await clipPlan(services, model, owner.id, planned)) },
            extras,
          ),
          fields: Object.fromEntries(Object.entries(names).map(([field, path]) => [field, fieldName(path)])),
        },
      }
    },
  })
}

/** An adapter of vLLM-Omni has its fields under other names when it is read. */
function unknownIn(body: unknown, fields: CreateBody): readonly Notice[] {
  const { lora: _, ...given } = body as Readonly<Record<string, unknown>>
  return unknownFields(given, fields, Object.keys(createBody.shape))
}

function modelOf({ catalogue }: Services, name: string): ServedModel {
  if (openaiModels.includes(name) || runwayModels.includes(name) || catalogue.knows(name)) {
    return catalogue.modelFor(name)
  }
  const known = [...openaiModels, ...catalogue.aliases, ...catalogue.checkpoints].join(', ')
  const message = `Expected a model of ${known}, got ${JSON.stringify(name)}.`
  throw new HttpError(400, message, { param: 'model', code: 'model_not_found' })
}

/** @throws HttpError 400 for neither a prompt nor a picture or video */
function checkPrompt(fields: CreateBody, hasFile: boolean): void {
  const { input_reference, image_reference, last_image_reference, video_reference } = fields
  const { reference_url, image_url, video_url } = fields
  const references = [input_reference, image_reference, last_image_reference, video_reference]
  const given = [...references, reference_url, image_url, video_url].some(each => each !== undefined)
  if (fields.prompt !== undefined || given || hasFile) return
  throw invalidField(['prompt'], 'Expected text, as there is neither a picture nor a video.')
}

/** @throws HttpError 400 for more than one picture or video to start from */
function checkReferences(
  fields: CreateBody,
  [file, ...more]: readonly MultipartFile[],
  { video }: CreateExtras,
): void {
  if (more.length > 0) throw invalidField([more[0]!.field], 'There can be one file.')
  const [first, second] = addressesOf(fields)
  const surplus = file || (video !== undefined && first?.kind === 'video') ? first : second
  if (!surplus) return
  const other = file ? [file.field] : surplus === first ? ['video'] : first!.field
  throw invalidField(surplus.field, `Expected one picture or video, got ${fieldName(other)} too.`)
}

/** What the request calls its fields that the engine has other names for. */
function namesOf(fields: CreateBody, { field = ['video'] }: Reference): FieldNames {
  const { size, width, height, seconds, num_frames: frames } = fields as Readonly<Record<string, unknown>>
  const { lora } = fields
  return {
    image: field,
    video: field,
    extend: field,
    lastImage: ['last_image_reference', 'image_url'],
    ...(size !== undefined && width === undefined && { width: ['size'] }),
    ...(size !== undefined && height === undefined && { height: ['size'] }),
    ...(seconds !== undefined && frames === undefined && { frames: ['seconds'] }),
    ...(Array.isArray(lora)
      ? Object.fromEntries(lora.map((_, index) => [`loras[${index}]`, ['lora', index]]))
      : lora && { 'loras[0]': ['lora'] }),
  }
}

function lorasOf({ lora, loras }: CreateBody): Loras | undefined {
  if (lora === undefined) return loras
  if (loras !== undefined) throw invalidField(['lora'], 'Expected loras or lora, got both.')
  return [lora].flat()
}

function wanted(fields: CreateBody): Omit<WantedVideo, 'fields'> {
  return {
    prompt: fields.prompt ?? '',
    seed: fields.seed,
    strength: fields.strength,
    extensions: extensionsOf(fields, 'underscores'),
    naming: 'underscores',
    loras: lorasOf(fields),
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
  readonly field?: readonly PropertyKey[]
}

/** The picture or video of the request: a file of the form, or an address. */
async function takeReference(
  { assets }: Services,
  model: ServedModel,
  owner: string,
  fields: CreateBody,
  files: readonly MultipartFile[],
): Promise<Reference> {
  const [file] = files
  if (file) {
    const field = [file.field]
    const kind = await assets.kindOf(file.path, field)
    checkMode(model, field, kind === 'image' ? ['image'] : ['video', 'control'])
    return { [kind]: await assets.adopt(file.path, kind, field), field }
  }
  const [given] = addressesOf(fields)
  if (!given) return {}
  const { uri, kind, field } = given
  checkMode(model, field, kind === 'image' ? ['image'] : ['video', 'control'])
  return { [kind]: await assets.take(uri, kind, owner, field), field }
}

interface Address {
  readonly uri: string
  readonly kind: 'image' | 'video'
  readonly field: readonly PropertyKey[]
}

/** What the request starts from, of all the fields that may say it by an address. */
function addressesOf(fields: CreateBody): Address[] {
  const { input_reference: input, image_reference: image, video_reference: video } = fields
  const given: readonly (readonly [string | undefined, Address['kind'], ...PropertyKey[]])[] = [
    [typeof input === 'string' ? input : undefined, 'image', 'input_reference'],
    [typeof input === 'object' ? input.image_url : undefined, 'image', 'input_reference', 'image_url'],
    [image?.image_url, 'image', 'image_reference', 'image_url'],
    [fields.reference_url, 'image', 'reference_url'],
    [fields.image_url, 'image', 'image_url'],
    [video?.video_url, 'video', 'video_reference', 'video_url'],
    [fields.video_url, 'video', 'video_url'],
  ]
  return given.flatMap(([uri, kind, ...field]) => (uri === undefined ? [] : [{ uri, kind, field }]))
}

async function takeLastImage(
  { assets }: Services,
  model: ServedModel,
  owner: string,
  { last_image_reference: last }: CreateBody,
): Promise<string | undefined> {
  if (!last) return undefined
  const field = ['last_image_reference', 'image_url']
  checkMode(model, field, ['last-image'])
  return await assets.take(last.image_url, 'image', owner, field)
}

/** Size and length of what is made of a video, where that is known before it is read; nothing for other tasks. */
async function clipPlan(
  { clips, storage }: Services,
  model: ServedModel,
  owner: string,
  { request: { generate } }: PlannedTask,
): Promise<JsonObject> {
  const key = generate.extend ?? generate.video
  if (typeof key !== 'string' || typeof generate.frames === 'number') return {}
  const media = await clips.factsOf(storage.pathOf(key), owner)
  return media ? planOfClip(model, generate, media) : {}
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
    prompt: fields.prompt ?? null,
    seconds: length ?? (fields.seconds === undefined ? null : String(fields.seconds)),
    // Where a picture or a video says it, it is known when the video is made.
    size: width === undefined || height === undefined ? null : `${width}x${height}`,
    seed: seed ?? null,
    ...about,
  }
}
