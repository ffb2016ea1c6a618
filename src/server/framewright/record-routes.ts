import { rm } from 'node:fs/promises'
import { FramewrightError } from '../../errors.ts'
import { readRecord } from '../../media/read-record.ts'
import { uploadLimit } from '../assets/asset-limits.ts'
import { HttpError, invalidField } from '../http/http-error.ts'
import { readMultipart } from '../http/read-multipart.ts'
import { json, type Route } from '../http/route.ts'
import type { Services } from '../services.ts'

/** How files of this package were made, which stands in them. */
export function recordRoutes({ settings }: Services): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/records',
      api: 'framewright',
      summary: 'The settings that a video, GIF or picture of Framewright was made with, read from the file',
      access: 'key',
      note: 'A form with one file, which is not kept.',
      async handle(request) {
        const limits = { fileBytes: uploadLimit.most, files: 1, fieldBytes: 4096 }
        const { files } = await readMultipart(request, settings.incomingFolder, limits)
        try {
          const [file] = files
          if (!file) throw invalidField(['file'], 'Expected a file, got none.')
          return json(await recordOf(file.path))
        } finally {
          await Promise.all(files.map(({ path }) => rm(path, { force: true })))
        }
      },
    },
  ]
}

/** @throws HttpError 400 for a file without a record, or with a damaged one */
async function recordOf(path: string): Promise<object> {
  const record = await readRecord(path).catch((error: unknown) => {
    if (!FramewrightError.is(error) || !error.expectation) throw error
    const { expected, got, advice = '' } = error.expectation
    throw invalidField(['file'], `Expected ${expected}, got ${got}. ${advice}`.trim())
  })
  if (record) return record
  throw new HttpError(422, 'This file was not made by Framewright, or its settings were removed from it.', {
    code: 'no_record',
  })
}
