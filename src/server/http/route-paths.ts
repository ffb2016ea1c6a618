import type { IncomingHttpHeaders } from 'node:http'
import type { ApiName } from './error-body.ts'

/** `{id}` is that of a task or an upload, with the prefix of OpenAI's API or without; other parameters are of any text. */
const id = '(?:video_)?[0-9a-fA-F-]+'
const wholeId = new RegExp(`^${id}$`)

/** A path with parameters as the router takes it: `/v1/videos/characters` is none of `/v1/videos/{id}`. */
export function routerPath(pattern: string): string {
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => (name === 'id' ? `:id{${id}}` : `:${name}`))
}

/** Whether a path is one of a route, whatever the method. */
export function isPathOf(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')]
  return wanted.length === given.length && wanted.every((part, i) => fits(part, given[i]!))
}

/**
 * What may be meant by a path that there is not: the same without slashes too many, and with `/v1` or once less. Some clients
 * put it before their paths, and others take it with the address of the server.
 */
export function pathsNear(path: string): readonly string[] {
  const plain = path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1')
  return [plain, plain.startsWith('/v1/v1/') ? plain.slice('/v1'.length) : `/v1${plain}`]
}

function fits(part: string, given: string): boolean {
  if (part === '{id}') return wholeId.test(given)
  return part.startsWith('{') ? given !== '' : part === given
}

/** First names of paths that clients of OpenAI's API know, offered here or not. */
const openaiPaths =
  /^\/v1\/(videos|models|audio|batches|chat|completions|conversations|embeddings|files|fine_tuning|images|moderations|responses|vector_stores)(\/|$)/

/** The API whose client asked for a path that there is not: its form of errors is the one that is read. */
export function apiOfPath(path: string, headers: IncomingHttpHeaders): ApiName {
  if (headers['x-runway-version'] !== undefined) return 'runway'
  const { 'user-agent': agent = '' } = headers
  return openaiPaths.test(path) || /^(Async)?OpenAI\//.test(agent) ? 'openai' : 'runway'
}
