import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { assetLimits } from '../assets/asset-limits.ts'
import { formFields } from '../http/form-fields.ts'
import { type BodyRequest, readJson } from '../http/read-json.ts'
import { type MultipartFile, readMultipart } from '../http/read-multipart.ts'
import type { Services } from '../services.ts'
import { flatBody } from './create-body.ts'

export interface ReceivedBody {
  readonly body: unknown
  /** Files of the form, by field. */
  readonly files: readonly MultipartFile[]
  /** Equal for bodies that are equal. */
  readonly identity: unknown
}

const limits = { fileBytes: assetLimits.video.url, files: 2, fieldBytes: 8 * 2 ** 20 }

/** What a form is counted with: its files are not in memory, its other fields are. */
const formBytes = 2 * 2 ** 20

/**
 * Reads a body that is JSON, or a form with files, and gives it to `use`; files that it does not take are removed.
 * @throws HttpError 4xx for a body that cannot be read
 */
export async function withBody<T>(
  { settings }: Services,
  request: BodyRequest,
  use: (received: ReceivedBody) => Promise<T>,
): Promise<T> {
  if (!/^multipart\//i.test(request.incoming.headers['content-type'] ?? '')) {
    const body = flatBody(await readJson(request, { formsToo: true }))
    return await use({ body, files: [], identity: body })
  }
  await request.reserve(Math.min(Number(request.incoming.headers['content-length'] ?? 0), formBytes))
  const form = await readMultipart(request, settings.incomingFolder, limits)
  try {
    const body = flatBody(formFields(form.fields))
    const sums = await Promise.all(form.files.map(async ({ field, path }) => [field, await checksum(path)]))
    return await use({ body, files: form.files, identity: [body, sums] })
  } finally {
    await Promise.all(form.files.map(({ path }) => rm(path, { force: true })))
  }
}

async function checksum(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
