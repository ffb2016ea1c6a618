import { texts } from '../texts/texts.ts'
import { apiKey, refuseKey } from './session.ts'

/** Where the page stands: behind a proxy it may be below a path. */
export const base = new URL('.', document.baseURI)

/** What is wrong with a request, as the server says it. */
export interface Issue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

export class CallError extends Error {
  readonly status: number
  readonly issues: readonly Issue[]

  constructor(status: number, message: string, issues: readonly Issue[] = []) {
    super(message)
    this.status = status
    this.issues = issues
  }
}

interface CallOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  /** Sent as JSON; a form is sent as it is. */
  readonly body?: object
  readonly signal?: AbortSignal
  /** @default any */
  readonly accept?: string
  readonly cache?: RequestCache
}

/** @throws CallError with the words of the server, or of the browser where there is no answer */
export async function call<Result>(path: string, options: CallOptions = {}): Promise<Result> {
  const response = await send(path, options)
  if (response.status === 204) return undefined as Result
  return (await response.json()) as Result
}

/** An answer that is a success. @throws CallError */
export async function send(
  path: string,
  { method, body, signal, accept, cache }: CallOptions,
): Promise<Response> {
  const form = body instanceof FormData
  const headers = new Headers()
  if (apiKey.value !== undefined) headers.set('authorization', `Bearer ${apiKey.value}`)
  if (accept !== undefined) headers.set('accept', accept)
  if (body && !form) headers.set('content-type', 'application/json')
  const response = await fetch(new URL(path, base), {
    method: method ?? (body ? 'POST' : 'GET'),
    headers,
    ...(body && { body: form ? body : JSON.stringify(body) }),
    ...(signal && { signal }),
    ...(cache && { cache }),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error
    throw new CallError(0, texts.connection.lost)
  })
  if (response.ok) return response
  if (response.status === 401) refuseKey()
  throw await errorOf(response)
}

async function errorOf(response: Response): Promise<CallError> {
  const body: { error?: string; issues?: Issue[] } = await response.json().catch(() => ({}))
  const { error = response.statusText, issues = [] } = body
  const [first] = issues
  return new CallError(response.status, first && issues.length === 1 ? first.message : error, issues)
}

/** The words of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : texts.unknownError
}

/** A signed address of the server as this page reaches it, whatever name the server gives itself. */
export function ownAddress(address: string): string {
  const { pathname, search } = new URL(address)
  return new URL(pathname.slice(pathname.indexOf('/v1/') + 1) + search, base).href
}
