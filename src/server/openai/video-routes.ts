import { z } from 'zod'
import { finalStates, type TaskOutput, type TaskRecord } from '../../jobs/task.ts'
import { HttpError, invalidField, parseBody } from '../http/http-error.ts'
import type { Owner } from '../http/owner.ts'
import { json, type Route, type RouteRequest } from '../http/route.ts'
import { sendFile } from '../http/send-file.ts'
import type { Services } from '../services.ts'
import { failureMessage } from '../tasks/failure-message.ts'
import { findTask } from '../tasks/find-task.ts'
import { addressBook } from '../tasks/output-address.ts'
import { createBody } from './create-body.ts'
import { createVideo } from './create-video.ts'
import { withBody } from './read-body.ts'
import { pollHeaders, taskId, videoId, videoObject } from './video-object.ts'

const bothTypes = ['application/json', 'multipart/form-data'] as const

/** OpenAI's videos API, as clients of SGLang and vLLM-Omni know it, too. */
export function openaiVideoRoutes(services: Services): Route[] {
  return [
    create(services),
    sync(services),
    list(services),
    retrieve(services),
    remove(services),
    content(services),
  ]
}

const show = (services: Services, request: RouteRequest, task: TaskRecord) =>
  json(videoObject(addressBook(services, request), task), { headers: pollHeaders(task) })

function create(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/videos',
    api: 'openai',
    summary: 'Make a video from a prompt, a picture or a video',
    access: 'key',
    note: 'Takes the fields of SGLang and vLLM-Omni, too.',
    body: { type: bothTypes, schema: createBody },
    async handle(request) {
      return await withBody(services, request, async received =>
        show(services, request, await createVideo(services, request, received)),
      )
    },
  }
}

function sync(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/videos/sync',
    api: 'openai',
    summary: 'Make a video and answer with its bytes',
    access: 'key',
    note: 'Of vLLM-Omni. The video is cancelled when the client goes away.',
    body: { type: bothTypes, schema: createBody },
    async handle(request) {
      const { id } = await withBody(services, request, received => createVideo(services, request, received))
      let last: TaskRecord | undefined
      for await (const task of services.jobs.watch(id, request.signal)) last = task
      if (last && !finalStates.includes(last.state)) await services.jobs.cancel(id)
      return await contentOf(services, last, 'video', request.incoming.headers.range)
    },
  }
}

const listQuery = z.object({
  after: z.string().max(100).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
})

function list(services: Services): Route {
  return {
    method: 'GET',
    path: '/v1/videos',
    api: 'openai',
    summary: 'Videos, the newest first',
    access: 'key',
    async handle(request) {
      const { owner, query } = request
      const { after, limit, order } = parseBody(listQuery, Object.fromEntries(query))
      const page = { owner: owner.id, api: 'openai', limit: limit + 1, order }
      const place = after === undefined ? undefined : await placeOf(services, owner, after)
      const found = await services.jobs.list({ ...page, ...(place !== undefined && { after: place }) })
      const shown = found.slice(0, limit)
      return json({
        object: 'list',
        data: shown.map(task => videoObject(addressBook(services, request), task)),
        first_id: shown[0] ? videoId(shown[0]) : null,
        last_id: shown.length > 0 ? videoId(shown.at(-1)!) : null,
        has_more: found.length > limit,
      })
    },
  }
}

/** @throws HttpError 400 for what never was a video of the owner */
async function placeOf({ jobs }: Services, owner: Owner, after: string): Promise<string> {
  const place = await jobs.placeOf(owner.id, taskId(after))
  if (place !== undefined) return place
  throw invalidField(['after'], 'Expected the id of a video of this list, such as last_id of a page.')
}

function retrieve(services: Services): Route {
  return {
    method: 'GET',
    path: '/v1/videos/{id}',
    api: 'openai',
    summary: 'State and progress of a video',
    access: 'key',
    note: 'Says when to ask again in openai-poll-after-ms.',
    async handle(request) {
      return show(services, request, await findTask(services, request.owner, taskId(request.params.id!)))
    },
  }
}

function remove(services: Services): Route {
  return {
    method: 'DELETE',
    path: '/v1/videos/{id}',
    api: 'openai',
    summary: 'Delete a video; one that is being made is stopped',
    access: 'key',
    async handle({ owner, params }) {
      const task = await findTask(services, owner, taskId(params.id!))
      if (!finalStates.includes(task.state)) await services.jobs.cancel(task.id)
      await services.jobs.remove(task.id)
      return json({ id: videoId(task), object: 'video.deleted', deleted: true })
    },
  }
}

const variants = z.object({ variant: z.enum(['video', 'thumbnail', 'spritesheet']).default('video') })

function content(services: Services): Route {
  return {
    method: 'GET',
    path: '/v1/videos/{id}/content',
    api: 'openai',
    summary: 'The file of a video, its thumbnail or its spritesheet; with Range',
    access: 'key',
    async handle({ owner, params, query, incoming }) {
      const { variant } = parseBody(variants, Object.fromEntries(query))
      const task = await findTask(services, owner, taskId(params.id!))
      return await contentOf(services, task, variant, incoming.headers.range)
    },
  }
}

async function contentOf(
  { storage }: Services,
  task: TaskRecord | undefined,
  name: TaskOutput['name'],
  range: string | undefined,
): Promise<Response> {
  if (task?.failure) {
    const status = task.failure.code.startsWith('request/') || task.failure.code === 'media/input' ? 422 : 500
    throw new HttpError(status, failureMessage(task), { code: task.failure.code })
  }
  const output = task?.result?.outputs.find(each => each.name === name)
  const response =
    output &&
    (await sendFile(
      {
        path: storage.pathOf(output.key),
        contentType: output.contentType,
        name: output.key.split('/').at(-1)!,
      },
      range,
      false,
    ))
  if (response) return response
  throw new HttpError(404, 'The video is not ready, or not there any more.', { code: 'not_ready' })
}
