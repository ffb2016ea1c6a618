import { type FileKind, fileKind } from '../../media/file-kind.ts'
import { noSuchFile } from '../http/http-error.ts'
import type { Route, RouteRequest } from '../http/route.ts'
import { type SentFile, sendFile } from '../http/send-file.ts'
import { checkSignature } from '../http/signed-request.ts'
import type { Services } from '../services.ts'
import { outputFileName } from '../tasks/output-file-name.ts'
import { inputKeys } from './task-files.ts'

/** Of what a request may bring. A movie is sent as the kind that players take all containers of. */
const contentTypes: Partial<Record<FileKind, string>> = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  avif: 'image/avif',
  gif: 'image/gif',
  movie: 'video/mp4',
}

const unknownType = 'application/octet-stream'

/** Files behind signed addresses: no key goes with them, so that a player or a browser can open them. */
export function fileRoutes(services: Services): Route[] {
  const { jobs, storage } = services
  return [
    {
      method: 'GET',
      path: '/v1/outputs/{id}/{name}',
      api: 'framewright',
      summary: 'A file that a task made: video, thumbnail or spritesheet; with Range',
      access: 'signature',
      async handle(request) {
        checkSignature(services, request)
        const { id, name } = request.params as { id: string; name: string }
        const task = await jobs.get(id)
        const output = task?.result?.outputs.find(each => each.name === name)
        if (!output) throw noSuchFile()
        const { contentType, key } = output
        const file = {
          path: storage.pathOf(key),
          contentType,
          name: outputFileName(task!, key.split('.').at(-1)!),
        }
        return await send(request, file)
      },
    },
    {
      method: 'GET',
      path: '/v1/inputs/{id}/{name}',
      api: 'framewright',
      summary: 'A picture or video that a task is made from; with Range',
      access: 'signature',
      async handle(request) {
        checkSignature(services, request)
        const { id, name } = request.params as { id: string; name: string }
        const task = await jobs.get(id)
        const key = task && inputKeys(task).find(each => each === `inputs/${name}`)
        if (!key) throw noSuchFile()
        const path = storage.pathOf(key)
        const kind = await fileKind(path).catch(() => {
          throw noSuchFile()
        })
        return await send(request, { path, contentType: contentTypes[kind] ?? unknownType, name })
      },
    },
    {
      method: 'GET',
      path: '/v1/previews/{id}/{step}',
      api: 'framewright',
      summary: 'A preview of a task that is running: JPEG',
      access: 'signature',
      async handle(request) {
        checkSignature(services, request)
        const { id, step } = request.params as { id: string; step: string }
        const path = storage.pathOf(`previews/${id}/${step}.jpg`)
        return await send(request, { path, contentType: 'image/jpeg', name: `${step}.jpg` })
      },
    },
  ]
}

/** @throws HttpError 404 when the file is gone */
async function send({ incoming }: RouteRequest, file: SentFile): Promise<Response> {
  const response = await sendFile(file, incoming.headers.range, incoming.method === 'HEAD')
  if (response) return response
  throw noSuchFile()
}
