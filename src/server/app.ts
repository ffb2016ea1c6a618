import { randomUUID } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { createAccess } from './http/access.ts'
import { type ApiName, errorBody } from './http/error-body.ts'
import { HttpError } from './http/http-error.ts'
import { json, type Route } from './http/route.ts'
import type { Services } from './services.ts'

type Env = { Bindings: HttpBindings }

/** The routes as one handler: who may call, logs, metrics, and the form of errors are the same for all of them. */
export function createApp(services: Services, routes: readonly Route[]): Hono<Env> {
  const app = new Hono<Env>({ strict: true })
  const admit = createAccess(services)
  for (const route of routes) {
    const path = route.path.replace(/\{(\w+)\}/g, ':$1')
    app.on(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method], path, async context => {
      return await answer(services, context, route.path, route.api, async (requestId, signal) => {
        const { incoming } = context.env
        const owner = await admit(incoming, route)
        const log = services.log.child({ request: requestId })
        const query = new URL(incoming.url ?? '/', 'http://localhost').searchParams
        return await route.handle({ incoming, params: context.req.param(), query, owner, log, signal })
      })
    })
  }
  app.all('*', async context => {
    const path = context.req.path
    const known = routes.some(route => matches(route.path, path))
    return await answer(services, context, known ? 'another method' : 'unknown', apiOf(path), async () => {
      if (known) throw new HttpError(405, `${context.req.method} is not offered here.`, { code: 'method' })
      throw new HttpError(404, 'No such endpoint on this server.', { code: 'not_found' })
    })
  })
  return app
}

async function answer(
  services: Services,
  context: Context<Env>,
  route: string,
  api: ApiName,
  handle: (requestId: string, signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const started = performance.now()
  const requestId = randomUUID()
  const gone = new AbortController()
  context.env.outgoing.once('close', () => gone.abort())
  const response = await handle(requestId, gone.signal).catch((error: unknown) => {
    if (error instanceof HttpError) return errorResponse(api, error)
    const { incoming } = context.env
    if (incoming.destroyed && !incoming.complete) return errorResponse(api, endedEarly())
    services.log.error({ error, request: requestId, route }, 'request failed')
    return errorResponse(api, new HttpError(500, 'Internal error.', { code: 'internal' }))
  })
  response.headers.set('x-request-id', requestId)
  const seconds = (performance.now() - started) / 1000
  const { status } = response
  services.metrics.request(route, status, seconds)
  // Paths alone: a query may hold a signature.
  const about = { request: requestId, method: context.req.method, path: context.req.path, status, seconds }
  services.log[status >= 500 ? 'error' : 'info'](about, 'request')
  return response
}

/** Nobody is there to read it; for the log. */
function endedEarly(): HttpError {
  return new HttpError(400, 'The request ended early.', { code: 'ended_early' })
}

function errorResponse(api: ApiName, error: HttpError): Response {
  const { retryAfterSeconds } = error.details
  const headers = new Headers()
  if (retryAfterSeconds !== undefined) headers.set('retry-after', String(retryAfterSeconds))
  // What was not read of a body that is too large is not worth reading.
  if (error.status === 413) headers.set('connection', 'close')
  if (error.status === 401) headers.set('www-authenticate', 'Bearer')
  return json(errorBody(api, error), { status: error.status, headers })
}

function matches(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')]
  return (
    wanted.length === given.length && wanted.every((part, i) => part.startsWith('{') || part === given[i])
  )
}

function apiOf(path: string): ApiName {
  return /^\/v1\/(videos|models)(\/|$)/.test(path) ? 'openai' : 'runway'
}
