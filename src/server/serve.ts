import { join } from 'node:path'
import type { Logger } from 'pino'
import { HostRunner } from '../host/host-runner.ts'
import { runnerOptionsOf } from '../host/runner-options.ts'
import type { VideoOptions } from '../host/video-options.ts'
import { FolderStorage } from '../jobs/folder-storage.ts'
import type { JobsOptions, OpenedJobs, OpenJobs } from '../jobs/jobs-options.ts'
import { usualBodyTimes } from './http/body-clock.ts'
import { createSigner } from './http/signature.ts'
import { startHttpServer } from './http-server.ts'
import { defaultHost, type ListeningSocket } from './listening-socket.ts'
import { createLog, type LogLevel } from './log.ts'
import { measuredRunner } from './measured-runner.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { Catalogue } from './models/catalogue.ts'
import { serverFolder } from './server-environment.ts'
import { serverSecret } from './server-secret.ts'
import { needsKeys } from './start-checks.ts'
import { startSweep } from './sweep.ts'
import { webhookEvent } from './webhooks/webhook-event.ts'
import { createWebhookSender } from './webhooks/webhook-sender.ts'

export interface ServeOptions extends VideoOptions {
  /** Address to listen on. Beyond loopback, an API key is required. @default `127.0.0.1` */
  readonly host?: string
  /** @default 8420; 0 for one that is free */
  readonly port?: number
  /** Address under which clients reach the server, where it is another one. */
  readonly publicUrl?: string
  /** Folder of tasks and files. @default `~/.local/share/framewright/server` */
  readonly folder?: string
  /** PostgreSQL server of the tasks, `postgres://…`. @default a database of its own in the folder */
  readonly database?: string
  /** Name of the queue in that database. @default `default` */
  readonly queue?: string
  /** Folder of the files, where it is another one: that of a fleet. */
  readonly storage?: string
  /** Checkpoints to offer. @default the built-in one */
  readonly models?: readonly string[]
  /** Names of the APIs, such as `gen4.5`, with the checkpoint that each stands for; the first one else. */
  readonly aliases?: Readonly<Record<string, string>>
  /** Largest picture that is made as it was asked for, in pixels. */
  readonly maxPixels?: number
  /** Hosts of the own network, `host` or `host:port`, that URLs of clients may point to. */
  readonly allowedHosts?: readonly string[]
  /** Refuses requests without X-Runway-Version, as Runway does. */
  readonly strictVersion?: boolean
  /** Tasks that may wait. @default 1000 */
  readonly maxQueued?: number
  /** MiB of large bodies that are held in memory at a time, at least 32. @default 64 */
  readonly bodyMemory?: number
  /** Seconds that a body may take, beside what it has for its size, and that may pass without a byte of it. @default 30 */
  readonly bodySeconds?: number
  /** Days that tasks and their files are kept. */
  readonly retentionDays?: number
  /** Whether browsers get the Studio, a page to make videos in. @default true */
  readonly studio?: boolean
  /** Told the address as soon as it is listened on; requests wait until the models are there. */
  readonly onListening?: (url: string) => void
  /** JSON lines on standard output, readable ones where that is a terminal. @default `info` */
  readonly logLevel?: LogLevel
}

/** A server that runs. Disposing of it hands back what it is working on, with a checkpoint. */
export interface RunningServer extends AsyncDisposable {
  readonly url: string
}

/**
 * Starts a server: HTTP, tasks, and an engine host a device.
 * @param socket what it answers on; the caller closes it when this throws
 * @throws RequestError when it would be open to others without a key; CheckpointError for a model that is not one;
 *   BackendError for a device that does not work
 */
export async function startServer(
  options: ServeOptions,
  openJobs: OpenJobs,
  socket: ListeningSocket,
): Promise<RunningServer> {
  const { host = defaultHost } = options
  const folder = options.folder ?? serverFolder()
  const log = createLog(options.logLevel ?? 'info')
  const storage = new FolderStorage(options.storage ?? join(folder, 'storage'))
  const catalogue = await Catalogue.open(options)
  const secret = await serverSecret(storage.pathOf('secret'))
  const addresses = { allowedHosts: options.allowedHosts ?? [] }
  const metrics: Metrics = createMetrics({ stats: () => opened.jobs.stats(), hosts: () => runner.hosts })
  const runner: HostRunner = createRunner(options, { catalogue, storage, metrics, log })
  const book = {
    signer: createSigner(secret),
    settings: { outputHours: 24, lanes: runner.lanes },
    address: options.publicUrl?.replace(/\/+$/, '') ?? socket.url,
  }
  const opened: OpenedJobs = await withRunner(runner, openJobs, {
    database: options.database ?? join(folder, 'database'),
    storage,
    onError: error => log.error({ error }, 'tasks'),
    onUnable: failure => log.fatal({ failure }, 'no more tasks are taken'),
    ...(runner.lanes > 0 && { runner: measuredRunner(runner, metrics) }),
    webhooks: createWebhookSender({ secret, addresses, payload: task => webhookEvent(book, task) }),
    ...(options.queue !== undefined && { queue: options.queue }),
    ...(options.retentionDays !== undefined && { retentionDays: options.retentionDays }),
  })
  try {
    const http = await startHttpServer(
      { ...opened, storage, catalogue, secret, log, metrics },
      {
        socket,
        host,
        ...(options.publicUrl !== undefined && { publicUrl: options.publicUrl }),
        keysRequired: await needsKeys(host, opened.keys),
        // Workers elsewhere are not counted: one is assumed.
        lanes: Math.max(1, runner.lanes),
        devices: options.devices ?? ['auto'],
        planning: {
          ...(options.precision && { precision: options.precision }),
          ...(options.files && { files: options.files }),
        },
        ...(options.studio !== undefined && { studio: options.studio }),
        addresses,
        ...(options.bodyMemory !== undefined && { bodyBytes: options.bodyMemory * 2 ** 20 }),
        ...(options.bodySeconds !== undefined && {
          bodyTimes: {
            ...usualBodyTimes,
            baseMs: options.bodySeconds * 1000,
            idleMs: options.bodySeconds * 1000,
          },
        }),
        ...(options.maxQueued !== undefined && { maxQueued: options.maxQueued }),
        ...(options.strictVersion !== undefined && { strictVersion: options.strictVersion }),
      },
    )
    const { url } = http
    const stopSweep = startSweep(storage, opened.jobs, log)
    log.info({ url, models: catalogue.checkpoints, devices: options.devices ?? ['auto'] }, 'serving')
    return {
      url,
      async [Symbol.asyncDispose]() {
        stopSweep()
        await http[Symbol.asyncDispose]()
        await closeAll(opened, runner)
      },
    }
  } catch (error) {
    await closeAll(opened, runner)
    throw error
  }
}

/** Opens the tasks once every device has been used. Nothing is left of the runner when one does not work. */
async function withRunner(runner: HostRunner, openJobs: OpenJobs, options: JobsOptions): Promise<OpenedJobs> {
  try {
    await runner.open()
    return await openJobs(options)
  } catch (error) {
    await runner[Symbol.asyncDispose]()
    throw error
  }
}

/** First what is running is handed back, then its processes are ended. */
async function closeAll({ jobs }: OpenedJobs, runner: HostRunner): Promise<void> {
  await jobs[Symbol.asyncDispose]()
  await runner[Symbol.asyncDispose]()
}

interface RunnerParts {
  readonly catalogue: Catalogue
  readonly storage: FolderStorage
  readonly metrics: Metrics
  readonly log: Logger
}

function createRunner(options: ServeOptions, { catalogue, storage, metrics, log }: RunnerParts): HostRunner {
  return new HostRunner({
    ...runnerOptionsOf(options, log),
    models: catalogue.checkpoints,
    storage,
    onStep: (device, seconds) => metrics.step(device, seconds),
  })
}
