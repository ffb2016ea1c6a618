import { mkdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import type { Jobs, Keys, Storage } from '../jobs/contract.ts'
import { createApp } from './app.ts'
import { AssetStore } from './assets/asset-store.ts'
import type { AddressPolicy } from './assets/vetted-request.ts'
import { createSigner } from './http/signature.ts'
import type { Metrics } from './metrics.ts'
import type { Catalogue } from './models/catalogue.ts'
import { allRoutes } from './routes.ts'
import type { Services, Settings } from './services.ts'
import { Replays } from './tasks/replays.ts'

export interface HttpServerParts {
  readonly jobs: Jobs
  readonly keys: Keys
  readonly storage: Storage
  readonly catalogue: Catalogue
  /** At least 32 random bytes: what signed addresses are signed with. All servers of a fleet have the same. */
  readonly secret: Buffer
  readonly log: Logger
  readonly metrics: Metrics
}

export interface HttpServerOptions {
  readonly host: string
  /** 0 for one that is free. */
  readonly port: number
  /** Address under which clients reach the server; that of the socket unless given. */
  readonly publicUrl?: string
  readonly keysRequired: boolean
  readonly lanes: number
  readonly maxQueued?: number
  readonly outputHours?: number
  readonly strictVersion?: boolean
  readonly addresses?: AddressPolicy
  /** From the first byte of a request to its last; 5 minutes unless given. */
  readonly requestTimeoutMs?: number
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string
}

/** The head of a request, and its body, have to be there by then: slow clients do not hold sockets for ever. */
const longestHeadMs = 20_000
const longestRequestMs = 300_000

/** Serves the APIs over HTTP. */
export async function startHttpServer(
  parts: HttpServerParts,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const { jobs, keys, storage, catalogue, log } = parts
  const addresses = options.addresses ?? { allowedHosts: [] }
  const incomingFolder = storage.pathOf('incoming')
  await mkdir(incomingFolder, { recursive: true })
  let url = options.publicUrl?.replace(/\/+$/, '') ?? ''
  const settings: Settings = {
    publicUrl: () => url,
    keysRequired: options.keysRequired,
    lanes: options.lanes,
    maxQueued: options.maxQueued ?? 1000,
    outputHours: options.outputHours ?? 24,
    strictVersion: options.strictVersion ?? false,
    incomingFolder,
    addresses,
  }
  const services: Services = {
    jobs,
    keys,
    storage,
    catalogue,
    log,
    settings,
    assets: new AssetStore(storage, addresses),
    signer: createSigner(parts.secret),
    replays: new Replays(jobs),
    metrics: parts.metrics,
  }
  const app = createApp(services, allRoutes(services, parts.secret))
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  const { requestTimeoutMs: requestTimeout = longestRequestMs } = options
  const server = createServer(
    {
      headersTimeout: Math.min(longestHeadMs, requestTimeout),
      requestTimeout,
      connectionsCheckingInterval: Math.min(10_000, requestTimeout),
      maxHeaderSize: 16_384,
    },
    listener,
  )
  await listen(server, options)
  url ||= addressOf(server, options.host)
  return { url, [Symbol.asyncDispose]: () => close(server) }
}

async function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function addressOf(server: Server, host: string): string {
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), 5_000)
  await closed
  clearTimeout(timer)
}
