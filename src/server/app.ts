import { randomUUID } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { FramewrightError } from '../errors.ts'
import { createAccess } from './http/access.ts'
import { type ApiName, errorBody } from './http/error-body.ts'
import { HttpError, noSuchEndpoint } from './http/http-error.ts'
import { json, type Route } from './http/route.ts'
import { apiOfPath, isPathOf, pathsNear, routerPath } from './http/route-paths.ts'
import { reachedAt } from './http/server-address.ts'
import type { Services } from './services.ts'
import type { Delivery } from './tasks/retry-deduplicator.ts'

/** Bodies up to this size get new memory. */
const smallBody = 256 * 2 ** 10

type Env = { Bindings: HttpBindings }

/** The routes as one handler: who may call, logs, metrics, and the form of errors are the same for all of them. */
export function createApp(services: Services, routes: readonly Route[]): Hono<Env> {
  const app = new Hono<Env>({ strict: true })
  const admit = createAccess(services)
  for (const route of routes) {
    app.on(methodsOf(route), routerPath(route.path), async context => {
      return await answer(services, context, route.path, route.api, async exchange => {
        const { incoming } = context.env
        const owner = await admit(incoming, route)
        exchange.owner = owner.id
        const { signal, delivery, held } = exchange
        return await route.handle({
          incoming,
          params: context.req.param(),
          query: new URL(incoming.url ?? '/', 'http://localhost').searchParams,
          owner,
          address: services.settings.publicUrl ?? reachedAt(incoming),
          log: services.log.child({ request: exchange.id }),
          signal,
          delivery,
          bodyTimes: services.settings.bodyTimes,
          reserve: async bytes => void held.push(await services.bodies.take(owner.id, bytes, signal)),
          buffer(bytes) {
            if (bytes <= smallBody) return Buffer.allocUnsafe(bytes)
            const buffer = services.buffers.take(bytes)
            held.push(() => services.buffers.giveBack(buffer))
            return buffer
          },
          async takeInline(json) {
            const { rest, release } = await services.inline.take(json)
            held.push(release)
            return rest
          },
        })
      })
    })
  }
  app.all('*', async context => {
    const { path, method } = context.req
    const there = routes.filter(route => isPathOf(route.path, path))
    const nearby = pathsNear(path).map(near => ({
      near,
      route: routes.find(each => isPathOf(each.path, near)),
    }))
    const meant = nearby.find(({ route }) => route !== undefined)
    const api = (there[0] ?? meant?.route)?.api ?? apiOfPath(path, context.env.incoming.headers)
    return await answer(services, context, there.length > 0 ? 'another method' : 'unknown', api, async () => {
      if (there.length > 0) throw wrongMethod(method, there)
      throw noSuchEndpoint(method, path, meant?.near)
    })
  })
  return app
}

async function answer(
  services: Services,
  context: Context<Env>,
  route: string,
  api: ApiName,
  handle: (exchange: Exchange) => Promise<Response>,
): Promise<Response> {
  const started = performance.now()
  const requestId = randomUUID()
  const exchange: Exchange = { id: requestId, held: [], ...clientOf(context.env) }
  const response = await handle(exchange)
    .catch((error: unknown) => {
      if (error instanceof HttpError) return errorResponse(api, error)
      const { incoming } = context.env
      if (incoming.destroyed && !incoming.complete) return errorResponse(api, endedEarly())
      const outage = FramewrightError.is(error) && error.code === 'jobs/database'
      const message = outage ? 'the task store does not answer' : 'request failed'
      services.log.error({ error, request: requestId, route }, message)
      return errorResponse(
        api,
        outage ? noStore() : new HttpError(500, 'Internal error.', { code: 'internal' }),
      )
    })
    .finally(() => {
      for (const release of exchange.held) release()
    })
  if (exchange.owner && isRetried(response.status)) services.retries.refused(exchange.owner)
  response.headers.set('x-request-id', requestId)
  const seconds = (performance.now() - started) / 1000
  const { status } = response
  services.metrics.request(route, status, seconds)
  // Paths alone: a query may hold a signature.
  const about = { request: requestId, method: context.req.method, path: context.req.path, status, seconds }
  services.log[status >= 500 ? 'error' : 'info'](about, 'request')
  return response
}

/** As the SDKs do. */
const isRetried = (status: number) => [408, 409, 429].includes(status) || status >= 500

interface Exchange {
  readonly id: string
  /** Once it is known. */
  owner?: string
  readonly signal: AbortSignal
  readonly delivery: Delivery
  /** Give back what the request holds of the budget of bodies. */
  readonly held: (() => void)[]
}

/** When the client has gone, and whether it had its answer then. */
function clientOf({ outgoing }: HttpBindings): Pick<Exchange, 'signal' | 'delivery'> {
  const gone = new AbortController()
  const delivery = new Promise<'delivered' | 'lost'>(resolve => {
    outgoing.once('close', () => {
      resolve(outgoing.writableFinished ? 'delivered' : 'lost')
      gone.abort()
    })
  })
  return { signal: gone.signal, delivery }
}

function noStore(): HttpError {
  return new HttpError(503, 'The task store does not answer. Try again soon.', {
    code: 'unavailable',
    retryAfterSeconds: 5,
  })
}

/** Nobody is there to read it; for the log. */
function endedEarly(): HttpError {
  return new HttpError(400, 'The request ended early.', { code: 'ended_early' })
}

function errorResponse(api: ApiName, error: HttpError): Response {
  const { retryAfterSeconds, allow } = error.details
  const headers = new Headers()
  if (retryAfterSeconds !== undefined) headers.set('retry-after', String(retryAfterSeconds))
  // What is left of a body that is too slow is not worth waiting for. Of one that is too large the adapter reads on for a
  // while: a client whose connection is closed while it sends does not see the answer.
  if (error.status === 408) headers.set('connection', 'close')
  if (allow !== undefined) headers.set('allow', allow)
  if (error.status === 401) headers.set('www-authenticate', 'Bearer')
  return json(errorBody(api, error), { status: error.status, headers })
}

const methodsOf = ({ method }: Route) => (method === 'GET' ? ['GET', 'HEAD'] : [method])

function wrongMethod(method: string, there: readonly Route[]): HttpError {
  const allow = [...new Set(there.flatMap(methodsOf))].join(', ')
  const message = `${method} is not offered here: expected ${allow}.`
  return new HttpError(405, message, { code: 'method', allow })
}
