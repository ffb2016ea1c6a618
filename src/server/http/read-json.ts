import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { type BodyTimes, watchBody } from './body-clock.ts'
import { HttpError } from './http-error.ts'
import { parseJson } from './parse-json.ts'

/** Room for two pictures as data URIs. */
export const jsonLimit = 32 * 2 ** 20

/** A request whose body is to be read. */
export interface BodyRequest {
  readonly incoming: IncomingMessage
  readonly bodyTimes: BodyTimes
  /** Waits until so many bytes may be held, until the request is answered. @throws HttpError 503 */
  readonly reserve: (bytes: number) => Promise<void>
  /** Memory for a body, until the request is answered. */
  readonly buffer: (bytes: number) => Buffer
  /** Takes data URIs out of a large body before it is parsed. @throws HttpError */
  readonly takeInline: (json: Buffer) => Promise<Buffer>
}

/** How bodies are told what they have to be. */
const jsonType = 'application/json'
export const formType = 'multipart/form-data'

/**
 * The JSON of a request's body. Other types are refused: a web page can send those to a local server unasked.
 * @param formsToo whether the endpoint takes forms, which are read elsewhere
 * @throws HttpError 415, 413, 408, 503 or 400
 */
export async function readJson(
  request: BodyRequest,
  { limit = jsonLimit, formsToo = false }: { readonly limit?: number; readonly formsToo?: boolean } = {},
): Promise<unknown> {
  const { headers } = request.incoming
  if (!/^application\/([\w.-]+\+)?json$/i.test(typeOf(headers))) {
    throw wrongType(headers, formsToo ? [jsonType, formType] : [jsonType])
  }
  // One that does not say its length may have any.
  const length = Number(headers['content-length'] ?? limit)
  if (length > limit) throw tooLarge(limit)
  await request.reserve(length)
  return parseJson((await request.takeInline(await readBytes(request, limit))).toString('utf8'))
}

async function readBytes({ incoming, bodyTimes, buffer }: BodyRequest, limit: number): Promise<Buffer> {
  const length = Number(incoming.headers['content-length'] ?? 0)
  let whole = buffer(Math.min(limit, Math.max(length, 4096)))
  let bytes = 0
  await new Promise<void>((resolve, reject) => {
    const stop = watchBody(incoming, bodyTimes, error => end(error))
    const take = (chunk: Buffer) => {
      if (bytes + chunk.length > limit) return end(tooLarge(limit))
      if (bytes + chunk.length > whole.length) {
        const larger = buffer(Math.min(limit, Math.max(2 * whole.length, bytes + chunk.length)))
        whole.copy(larger, 0, 0, bytes)
        whole = larger
      }
      chunk.copy(whole, bytes)
      bytes += chunk.length
    }
    const end = (error?: Error) => {
      stop()
      incoming.off('data', take)
      incoming.pause()
      if (error) reject(error)
      else resolve()
    }
    incoming.on('data', take)
    incoming.once('end', () => end())
    incoming.once('error', end)
    incoming.once('close', () => {
      if (!incoming.complete) end(new HttpError(400, 'The request ended early.', { code: 'ended_early' }))
    })
  })
  return whole.subarray(0, bytes)
}

/** The type of a body that a request says, without its parameters. */
function typeOf(headers: IncomingHttpHeaders): string {
  return (headers['content-type'] ?? '').split(';')[0]!.trim()
}

export function wrongType(headers: IncomingHttpHeaders, expected: readonly string[]): HttpError {
  const got = typeOf(headers).slice(0, 100) || 'none'
  const message = `Expected a body of the type ${expected.join(' or ')}, got ${got}.`
  return new HttpError(415, message, { code: 'unsupported_type' })
}

export function tooLarge(limit: number): HttpError {
  return new HttpError(413, `The body is larger than ${limit} bytes.`, { code: 'too_large' })
}
