import { Readable } from 'node:stream'
import { FramewrightError } from '../../errors.ts'
import { contentDisposition } from '../http/content-disposition.ts'
import { HttpError, noSuchFile } from '../http/http-error.ts'
import type { Route } from '../http/route.ts'
import { checkSignature } from '../http/signed-request.ts'
import type { Services } from '../services.ts'
import { outputFileName } from '../tasks/output-file-name.ts'
import { conversionNames } from './contract.ts'
import { convertVideo, fitsArchive } from './conversions.ts'

/** Videos as other kinds of files, made when they are asked for. */
export function conversionRoutes(services: Services): Route[] {
  const { jobs, storage, settings } = services
  /** One at a time: a GIF is made of all its frames at once. */
  let last: Promise<unknown> = Promise.resolve()
  return [
    {
      method: 'GET',
      path: '/v1/conversions/{id}/{name}',
      api: 'framewright',
      summary:
        'The video of a task as gif, its frames (a ZIP archive of PNG files), or its last-frame as PNG',
      access: 'signature',
      async handle(request) {
        checkSignature(services, request)
        const { id, name: asked } = request.params as { id: string; name: string }
        const name = conversionNames.find(each => each === asked)
        const task = await jobs.get(id)
        const result = task?.result
        const output = result?.outputs.find(each => each.name === 'video')
        const path = output && storage.pathOf(output.key)
        if (!path || !name || !(await storage.stat(output.key))) throw noSuchFile()
        if (name === 'frames' && !fitsArchive(result!)) throw tooLarge('Too many frames for one archive.')
        const options = { folder: settings.incomingFolder, signal: request.signal }
        const converted = last.then(() => convertVideo(path, name, options))
        last = converted.catch(() => undefined)
        const { contentType, ending, body } = await converted.catch(failed)
        const headers = {
          'content-type': contentType,
          'content-disposition': contentDisposition('attachment', outputFileName(task!, ending)),
          'cache-control': 'private, max-age=3600',
          'x-content-type-options': 'nosniff',
        }
        if (Buffer.isBuffer(body)) return new Response(new Uint8Array(body), { headers })
        return new Response(Readable.toWeb(Readable.from(body)) as ReadableStream, { headers })
      },
    },
  ]
}

/** What a format does not hold is for the client to know. */
function failed(error: unknown): never {
  if (FramewrightError.is(error) && error.code === 'media/output' && error.expectation) {
    const { subject, expected, got, advice = '' } = error.expectation
    throw tooLarge(`${subject}: expected ${expected}, got ${got}. ${advice}`.trim())
  }
  throw error
}

function tooLarge(message: string): HttpError {
  return new HttpError(422, message, { code: 'too_large' })
}
