import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { contentDisposition } from './content-disposition.ts'

export interface SentFile {
  readonly path: string
  readonly contentType: string
  /** Name that a browser saves it under. */
  readonly name: string
}

/**
 * A file, or the part of it that a `Range` header asks for (RFC 9110, one range of bytes).
 * @returns undefined when it is not there
 */
export async function sendFile(
  { path, contentType, name }: SentFile,
  range: string | undefined,
  headOnly: boolean,
): Promise<Response | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) return undefined
  const { size } = found
  const headers = new Headers({
    'content-type': contentType,
    'content-disposition': contentDisposition('inline', name),
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=3600',
    'x-content-type-options': 'nosniff',
    'last-modified': found.mtime.toUTCString(),
  })
  const part = range === undefined ? undefined : partOf(range, size)
  if (part === 'unsatisfiable') {
    headers.set('content-range', `bytes */${size}`)
    return new Response(null, { status: 416, headers })
  }
  const { start, end } = part ?? { start: 0, end: size - 1 }
  headers.set('content-length', String(end - start + 1))
  if (part) headers.set('content-range', `bytes ${start}-${end}/${size}`)
  const status = part ? 206 : 200
  if (headOnly || size === 0) return new Response(null, { status, headers })
  const stream = Readable.toWeb(createReadStream(path, { start, end })) as ReadableStream
  return new Response(stream, { status, headers })
}

/** A header that cannot be read, or asks for several parts, is as good as none. */
function partOf(range: string, size: number): { start: number; end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range.trim())
  const [, from = '', to = ''] = match ?? []
  if (!match || (from === '' && to === '')) return undefined
  if (from === '') {
    const start = Math.max(0, size - Number(to))
    return Number(to) === 0 ? 'unsatisfiable' : { start, end: size - 1 }
  }
  const start = Number(from)
  const end = Math.min(to === '' ? size - 1 : Number(to), size - 1)
  if (to !== '' && Number(to) < start) return undefined
  return start >= size ? 'unsatisfiable' : { start, end }
}
