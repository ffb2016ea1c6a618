import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'

/** Room for two pictures as data URIs. */
export const jsonLimit = 32 * 2 ** 20

/**
 * The JSON of a request's body. Other types are refused: a web page can send those to a local server unasked.
 * @throws HttpError 415, 413 or 400
 */
export async function readJson(incoming: IncomingMessage, limit = jsonLimit): Promise<unknown> {
  const [type = ''] = (incoming.headers['content-type'] ?? '').split(';')
  if (!/^application\/([\w.-]+\+)?json$/i.test(type.trim())) {
    throw new HttpError(415, 'Expected a body of the type application/json.')
  }
  const text = (await readBytes(incoming, limit)).toString('utf8')
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpError(400, 'The body is not valid JSON.', { code: 'invalid_json' })
  }
}

/** @throws HttpError 413 */
export async function readBytes(incoming: AsyncIterable<Buffer>, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming) {
    bytes += chunk.length
    if (bytes > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export function tooLarge(limit: number): HttpError {
  return new HttpError(413, `The body is larger than ${limit} bytes.`, { code: 'too_large' })
}
