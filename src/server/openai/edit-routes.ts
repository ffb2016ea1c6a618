import { z } from 'zod'
import type { TaskRecord, TaskResult } from '../../jobs/task.ts'
import { HttpError, invalidField, parseBody } from '../http/http-error.ts'
import { readJson } from '../http/read-json.ts'
import { json, type Route, type RouteRequest } from '../http/route.ts'
import type { Services } from '../services.ts'
import { checkMode } from '../tasks/check-modes.ts'
import { findTask } from '../tasks/find-task.ts'
import { addressBook } from '../tasks/output-address.ts'
import { unknownFields } from '../unknown-fields.ts'
import { jsonField } from './create-body.ts'
import { createVideo, defaultSeconds } from './create-video.ts'
import { withBody } from './read-body.ts'
import { lengthOf, pollHeaders, taskId, videoId, videoObject } from './video-object.ts'

const remixBody = z.object({ prompt: z.string().min(1).max(32_000) })

const editBody = z.looseObject({ video: jsonField(z.object({ id: z.string() })).optional() })

/** Videos that are made from other videos of this server. */
export function openaiEditRoutes(services: Services): Route[] {
  return [remix(services), edit(services), extension(services)]
}

function remix(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/videos/{id}/remix',
    api: 'openai',
    summary: 'Make a video again with another prompt, near the first one',
    access: 'key',
    note: 'Video to video where the checkpoint can do it, else the same seed.',
    body: { type: ['application/json'], schema: remixBody },
    async handle(request) {
      const sent = await readJson(request, { limit: 2 ** 20 })
      const asked = parseBody(remixBody, sent)
      const { prompt } = asked
      const source = await findTask(services, request.owner, taskId(request.params.id!))
      const { model, size, seed } = source.about
      const { result } = source
      const near = services.catalogue.modelFor(String(model)).modes.includes('video')
      const video = near ? await takeOutput(services, source) : undefined
      const { steps, frames, fps } = source.request.generate
      const { adapters: loras } = source.request
      const body = {
        prompt,
        model,
        ...(result ? { size: `${result.width}x${result.height}` } : typeof size === 'string' && { size }),
        seed: Number(seed),
        num_inference_steps: steps,
        num_frames: frames,
        fps,
        loras,
      }
      const task = await createVideo(
        services,
        request,
        { body, files: [], identity: [request.params.id, prompt] },
        {
          ...(video && { video }),
          from: 'edit',
          about: { remixedFrom: videoId(source) },
          notices: unknownFields(sent, asked, Object.keys(remixBody.shape)),
        },
      )
      return json(videoObject(addressBook(services, request), task), { headers: pollHeaders(task) })
    },
  }
}

function edit(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/videos/edits',
    api: 'openai',
    summary: 'Make a video from another one: a file, or a video of this server',
    access: 'key',
    body: { type: ['multipart/form-data', 'application/json'], schema: editBody },
    handle: async request => await fromVideo(services, request, 'edit', ['video', 'control']),
  }
}

function extension(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/videos/extensions',
    api: 'openai',
    summary: 'Go on from a video, a file or one of this server, by so many seconds',
    access: 'key',
    note: 'Where the checkpoint can begin with a picture.',
    body: { type: ['multipart/form-data', 'application/json'], schema: editBody },
    handle: async request => await fromVideo(services, request, 'extension', ['image', 'keyframes']),
  }
}

async function fromVideo(
  services: Services,
  request: RouteRequest,
  from: 'edit' | 'extension',
  modes: readonly ('video' | 'control' | 'image' | 'keyframes')[],
): Promise<Response> {
  return await withBody(services, request, async received => {
    const { video, ...body } = parseBody(editBody, received.body)
    const name = typeof body.model === 'string' ? body.model : ''
    checkMode(services.catalogue.modelFor(name), ['video'], modes)
    const [file, ...more] = received.files
    if (!video && !file) throw invalidField(['video'], 'Expected a file, or an id.')
    const surplus = video ? file : more[0]
    if (surplus) throw invalidField([surplus.field], 'There can be one video.')
    const source = video && (await findTask(services, request.owner, taskId(video.id), 'video.id'))
    const key = source
      ? await takeOutput(services, source)
      : await services.assets.adopt(file!.path, 'video', ['video'])
    const { result } = source ?? {}
    const like = result ? { size: `${result.width}x${result.height}` } : {}
    const asked = { ...received, body: { ...like, ...body }, files: [] }
    const length = result && lengthFrom(result, from, body)
    const task = await createVideo(services, request, asked, {
      video: key,
      from,
      about: length ? { seconds: length } : {},
    })
    return json(videoObject(addressBook(services, request), task), { headers: pollHeaders(task) })
  })
}

/** How long what is made of a video will be, where that video says it. */
function lengthFrom(
  source: TaskResult,
  from: 'edit' | 'extension',
  { seconds, num_frames: frames }: Readonly<Record<string, unknown>>,
): string | undefined {
  if (frames !== undefined) return undefined
  if (from === 'edit') return seconds === undefined ? lengthOf(source) : undefined
  const added = Number(seconds ?? defaultSeconds)
  return String(Number((source.frames / source.fps + added).toFixed(2)))
}

/** A copy: the task that made it may be deleted while this one waits. */
async function takeOutput({ assets }: Services, task: TaskRecord): Promise<string> {
  const output = task.result?.outputs.find(({ name }) => name === 'video')
  if (output) return await assets.copyOf(output.key)
  throw new HttpError(409, 'The video is not ready.', { code: 'not_ready' })
}
