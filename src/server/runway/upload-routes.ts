import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { uploadHours, uploadLimit } from '../assets/asset-limits.ts'
import { HttpError, parseBody } from '../http/http-error.ts'
import { readJson } from '../http/read-json.ts'
import { type MultipartFile, readMultipart } from '../http/read-multipart.ts'
import { json, type Route } from '../http/route.ts'
import type { Services } from '../services.ts'

const uploadBody = z.object({
  filename: z.string().min(1).max(255),
  type: z.literal('ephemeral'),
})

const smallBody = 64 * 2 ** 10

/** Files that a client sends before it refers to them: first a place for one is asked for, then it is filled. */
export function uploadRoutes(services: Services): Route[] {
  const { signer, settings, storage, assets } = services
  return [
    {
      method: 'POST',
      path: '/v1/uploads',
      api: 'runway',
      summary: 'Ask for a place to upload a file to',
      access: 'key',
      body: { type: ['application/json'], schema: uploadBody },
      async handle(request) {
        const { owner } = request
        parseBody(uploadBody, await readJson(request, { limit: smallBody }))
        const id = randomUUID()
        const expires = Math.floor(Date.now() / 1000) + uploadHours * 3600
        const token = `${owner.id}.${expires}`
        return json({
          uploadUrl: `${request.address}/v1/uploads/${id}`,
          fields: { token, signature: signer.sign(`upload ${id} ${token}`) },
          runwayUri: `runway://${id}`,
        })
      },
    },
    {
      method: 'POST',
      path: '/v1/uploads/{id}',
      api: 'runway',
      summary: 'Upload a file to a place that was asked for',
      access: 'signature',
      async handle(request) {
        const id = request.params.id!
        const limits = { fileBytes: uploadLimit.most, files: 1, fieldBytes: 4096 }
        let owner = ''
        const { files } = await readMultipart(request, settings.incomingFolder, limits, fields => {
          owner = ownerOf(new Map(fields), id)
        })
        try {
          const file = checkedFile(files)
          const key = assets.uploadKey(owner, id)
          if (await storage.stat(key)) throw new HttpError(409, 'This place is taken.', { code: 'conflict' })
          await storage.adopt(file.path, key)
          return new Response(null, { status: 204 })
        } finally {
          await Promise.all(files.map(({ path }) => rm(path, { force: true })))
        }
      },
    },
  ]

  /** @throws HttpError 403 */
  function ownerOf(fields: ReadonlyMap<string, string>, id: string): string {
    const token = fields.get('token') ?? ''
    const [owner, expires] = token.split('.')
    const valid = signer.verify(`upload ${id} ${token}`, fields.get('signature') ?? '')
    if (valid && owner && Number(expires) * 1000 > Date.now()) return owner
    throw new HttpError(403, 'This upload is not allowed, or no longer.', { code: 'invalid_signature' })
  }
}

function checkedFile([file]: readonly MultipartFile[]): MultipartFile {
  if (file && file.bytes >= uploadLimit.least) return file
  const message = `Expected a file of at least ${uploadLimit.least} bytes, got ${file ? file.bytes : 'none'}.`
  throw new HttpError(400, message, { code: 'invalid_form' })
}
