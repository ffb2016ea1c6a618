import { mkdir } from 'node:fs/promises'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import type { Jobs } from '../jobs/jobs.ts'
import type { Keys } from '../jobs/keys.ts'
import type { Storage } from '../jobs/storage.ts'
import { createApp } from './app.ts'
import { AssetStore } from './assets/asset-store.ts'
import { ClipProbe } from './assets/clip-probe.ts'
import { InlineData } from './assets/inline-data.ts'
import type { AddressPolicy } from './assets/vetted-request.ts'
import { BodyBudget, type BodyBudgetOptions } from './http/body-budget.ts'
import { BodyBuffers } from './http/body-buffers.ts'
import { type BodyTimes, usualBodyTimes } from './http/body-clock.ts'
import { jsonLimit } from './http/read-json.ts'
import { createSigner } from './http/signature.ts'
import { type ListeningSocket, openSocket } from './listening-socket.ts'
import type { Metrics } from './metrics.ts'
import type { Catalogue } from './models/catalogue.ts'
import { MemoryPlanner, type PlannedDevice } from './models/memory-planner.ts'
import { allRoutes } from './routes.ts'
import type { Services, Settings } from './services.ts'
import { Admission } from './tasks/admission.ts'
import { RetryDeduplicator } from './tasks/retry-deduplicator.ts'

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
  /** 0 for one that is free. @default 8420 */
  readonly port?: number
  /** Address under which clients reach the server. @default that of the socket, or of each request where it is on all addresses */
  readonly publicUrl?: string
  readonly keysRequired: boolean
  readonly lanes: number
  /** @default none */
  readonly devices?: readonly string[]
  /** How models run on them, which memory is planned with. */
  readonly planning?: Omit<PlannedDevice, 'device'>
  /** Whether browsers get the Studio. @default true */
  readonly studio?: boolean
  readonly maxQueued?: number
  readonly outputHours?: number
  readonly strictVersion?: boolean
  readonly addresses?: AddressPolicy
  /** Bytes of large bodies that are held in memory at a time. @default 64 MiB */
  readonly bodyBytes?: number
  readonly bodyTimes?: BodyTimes
  /** From the first byte of a request to its last. @default 900000 */
  readonly requestTimeoutMs?: number
  /** What listens already, instead of host and port. */
  readonly socket?: ListeningSocket
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string
}

const usualBodyBytes = 64 * 2 ** 20

/** One client may have half of it, or the largest body there is. */
function bodyBudget(bytes: number): BodyBudgetOptions {
  const all = Math.max(bytes, jsonLimit)
  return { bytes: all, bytesOfOwner: Math.max(all / 2, jsonLimit), freeBytes: 256 * 2 ** 10, waitMs: 10_000 }
}

/** Tasks go to any of the devices, which are of one kind: the first stands for all. */
function memoryPlanner({ devices: [device] = [], planning }: HttpServerOptions): MemoryPlanner | undefined {
  return device === undefined ? undefined : new MemoryPlanner({ ...planning, device })
}

/** Serves the APIs over HTTP. */
export async function startHttpServer(
  parts: HttpServerParts,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const { jobs, keys, storage, catalogue, log } = parts
  const addresses = options.addresses ?? { allowedHosts: [] }
  const incomingFolder = storage.pathOf('incoming')
  await mkdir(incomingFolder, { recursive: true })
  const socket = options.socket ?? (await openSocket(options))
  const publicUrl = options.publicUrl?.replace(/\/+$/, '') ?? (socket.everywhere ? undefined : socket.url)
  const settings: Settings = {
    publicUrl,
    keysRequired: options.keysRequired,
    lanes: options.lanes,
    devices: options.devices ?? [],
    studio: options.studio ?? true,
    maxQueued: options.maxQueued ?? 1000,
    outputHours: options.outputHours ?? 24,
    strictVersion: options.strictVersion ?? false,
    incomingFolder,
    addresses,
    bodyTimes: options.bodyTimes ?? usualBodyTimes,
  }
  const buffers = new BodyBuffers()
  const inline = new InlineData(parts.secret, buffers)
  const memory = memoryPlanner(options)
  const services: Services = {
    jobs,
    keys,
    storage,
    catalogue,
    log,
    settings,
    assets: new AssetStore(storage, addresses, inline),
    inline,
    clips: new ClipProbe(),
    signer: createSigner(parts.secret),
    retries: new RetryDeduplicator(jobs, error => log.error({ error }, 'answers were not noted')),
    admission: new Admission(jobs),
    bodies: new BodyBudget(bodyBudget(options.bodyBytes ?? usualBodyBytes)),
    buffers,
    metrics: parts.metrics,
    memory,
  }
  const app = createApp(services, allRoutes(services, parts.secret))
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  socket.answer(listener)
  return {
    url: publicUrl ?? socket.url,
    async [Symbol.asyncDispose]() {
      await Promise.all([memory?.[Symbol.asyncDispose](), socket[Symbol.asyncDispose]()])
    },
  }
}
