import type { Logger } from 'pino'
import type { z } from 'zod'
import type { Delivery } from '../tasks/retry-deduplicator.ts'
import type { ApiName } from './error-body.ts'
import type { Owner } from './owner.ts'
import type { BodyRequest } from './read-json.ts'

/** One endpoint: what it is called, who may call it, and what it does. The documents are made of these. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With parameters in braces: `/v1/tasks/{id}`. */
  readonly path: string
  readonly api: ApiName
  readonly summary: string
  /** `key`: an API key, where keys are required. `signature`: a signed address. `open`: anybody. */
  readonly access: 'key' | 'signature' | 'open'
  /** What is different from the API that it stands for, for the table of endpoints. */
  readonly note?: string
  /** Body, for the OpenAPI document. */
  readonly body?: { readonly type: readonly BodyType[]; readonly schema: z.ZodType }
  readonly handle: (request: RouteRequest) => Promise<Response>
}

export type BodyType = 'application/json' | 'multipart/form-data'

export interface RouteRequest extends BodyRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly owner: Owner
  /** Of the server, as this client reaches it, without a slash at its end. */
  readonly address: string
  readonly log: Logger
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
  /** Whether the answer went out. */
  readonly delivery: Delivery
}

export function json(body: unknown, init: ResponseInit = {}): Response {
  const headers = new Headers(init.headers)
  headers.set('content-type', 'application/json; charset=utf-8')
  return new Response(JSON.stringify(body), { ...init, headers })
}
