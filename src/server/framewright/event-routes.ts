import { finalStates, type TaskRecord } from '../../jobs/task.ts'
import type { Route } from '../http/route.ts'
import { taskObject } from '../runway/task-object.ts'
import type { Services } from '../services.ts'
import { findTask } from '../tasks/find-task.ts'
import { type AddressBook, addressBook, previewAddress } from '../tasks/output-address.ts'
import { taskNotices } from '../tasks/task-notices.ts'
import { type EventSink, eventText } from './event-text.ts'
import { sendOwnerEvents } from './owner-events.ts'
import { previewJpeg } from './preview-jpeg.ts'

/** Proxies close connections on which nothing comes: a comment does. */
const heartbeatMs = 15_000

/** Events that may wait for a reader. */
const mostWaiting = 64

/**
 * Progress as it happens, as server-sent events: `progress` with stage, step, share and seconds left; `preview` with
 * a JPEG of what the middle of the clip is about to show; `notice` for what is not made as it was asked for; `end` with
 * the task.
 */
export function eventRoutes(services: Services): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/tasks/{id}/events',
      api: 'framewright',
      summary: 'Progress, previews and end of a task as server-sent events',
      access: 'key',
      async handle(request) {
        const { owner, params, signal } = request
        const { id } = await findTask(services, owner, params.id!)
        const book = addressBook(services, request)
        return eventResponse(services, signal, sink => sendEvents(services, book, id, sink))
      },
    },
    {
      method: 'GET',
      path: '/v1/events',
      api: 'framewright',
      summary: 'What happens to all tasks of the key, as server-sent events',
      access: 'key',
      note: 'First task for each that is not at an end, then every change: task, preview and removed.',
      async handle(request) {
        const { owner, signal } = request
        const book = addressBook(services, request)
        return eventResponse(services, signal, sink => sendOwnerEvents(services, book, owner.id, sink))
      },
    },
  ]
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

function eventResponse(
  services: Services,
  gone: AbortSignal,
  sendAll: (sink: EventSink) => Promise<void>,
): Response {
  const stop = new AbortController()
  const signal = AbortSignal.any([gone, stop.signal])
  const encoder = new TextEncoder()
  let heartbeat: NodeJS.Timeout | undefined
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text))
      heartbeat = setInterval(() => send(': still here\n\n'), heartbeatMs)
      const behind = () => (controller.desiredSize ?? 0) < -mostWaiting
      void sendAll({ send, behind, signal })
        .catch(error => services.log.error({ error }, 'events ended early'))
        .finally(() => {
          clearInterval(heartbeat)
          // A client that has gone has closed the stream itself.
          if (!signal.aborted) controller.close()
        })
    },
    cancel() {
      clearInterval(heartbeat)
      stop.abort()
    },
  })
  return new Response(stream, { headers })
}

async function sendEvents(
  services: Services,
  book: AddressBook,
  id: string,
  { send, behind, signal }: EventSink,
): Promise<void> {
  let previewed = 0
  let noticed = 0
  for await (const task of services.jobs.watch(id, signal)) {
    // A reader that does not keep up misses steps, but not the end.
    if (behind() && !finalStates.includes(task.state)) continue
    const step = task.progress.preview?.step ?? 0
    const preview = step > previewed ? await previewEvent(services, book, task) : ''
    previewed = step
    if (signal.aborted) return
    const notices = taskNotices(task)
    const news = notices.slice(noticed).map(notice => eventText('notice', notice))
    noticed = Math.max(noticed, notices.length)
    send(news.join('') + preview + taskEvent(book, task))
  }
}

function taskEvent(book: AddressBook, task: TaskRecord): string {
  if (finalStates.includes(task.state)) return eventText('end', taskObject(book, task))
  const { preview: _, notices: __, ...progress } = task.progress
  return eventText('progress', { state: task.state, ahead: task.ahead, attempt: task.attempt, ...progress })
}

async function previewEvent(services: Services, book: AddressBook, task: TaskRecord): Promise<string> {
  const { step } = task.progress.preview!
  const jpeg = await previewJpeg(services.storage, task.progress.preview!)
  if (jpeg === undefined) return ''
  return eventText('preview', { step, url: previewAddress(book, task, step), jpeg })
}
