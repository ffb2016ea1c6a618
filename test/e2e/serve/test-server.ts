import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { HostRunner, type HostRunnerOptions } from '../../../src/host/host-runner.ts'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { createSigner } from '../../../src/server/http/signature.ts'
import { type HttpServerOptions, startHttpServer } from '../../../src/server/http-server.ts'
import { openSocket } from '../../../src/server/listening-socket.ts'
import { createLog } from '../../../src/server/log.ts'
import { measuredRunner } from '../../../src/server/measured-runner.ts'
import { createMetrics, type Metrics } from '../../../src/server/metrics.ts'
import { Catalogue, type CatalogueOptions } from '../../../src/server/models/catalogue.ts'
import { webhookEvent } from '../../../src/server/webhooks/webhook-event.ts'
import { createWebhookSender } from '../../../src/server/webhooks/webhook-sender.ts'
import { MemoryJobs, MemoryKeys } from '../../unit/server/memory-jobs.ts'

export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly jobs: MemoryJobs
  readonly storage: FolderStorage
  readonly runner: HostRunner
  /** Every line that was logged. */
  readonly logged: string[]
}

/** A whole server on loopback with the built-in model, but for tasks that are in memory. */
export async function startTestServer(
  folder: string,
  options: Partial<HttpServerOptions> & {
    secrets?: ConstructorParameters<typeof MemoryKeys>[0]
    runner?: Partial<HostRunnerOptions>
    catalogue?: CatalogueOptions
  } = {},
): Promise<TestServer> {
  const { secrets = {}, runner: runnerOptions, catalogue: offered = {}, ...rest } = options
  const storage = new FolderStorage(join(folder, 'storage'))
  const catalogue = await Catalogue.open(offered)
  const metrics: Metrics = createMetrics({ stats: () => jobs.stats(), hosts: () => runner.hosts })
  const runner: HostRunner = new HostRunner({
    models: catalogue.checkpoints,
    adapters: offered.adapters ?? {},
    devices: ['cpu'],
    engine: { threads: 1 },
    storage,
    previewSteps: 1,
    onStep: (device, seconds) => metrics.step(device, seconds),
    ...runnerOptions,
  })
  const secret = randomBytes(32)
  const addresses = rest.addresses ?? { allowedHosts: [] }
  const socket = await openSocket({ host: '127.0.0.1', port: 0, ...rest })
  const book = {
    signer: createSigner(secret),
    settings: { outputHours: 1, lanes: 1 },
    address: rest.publicUrl ?? socket.url,
  }
  const webhooks = createWebhookSender({ secret, addresses, payload: task => webhookEvent(book, task) })
  const jobs: MemoryJobs = new MemoryJobs({ storage, runner: measuredRunner(runner, metrics), webhooks })
  const keys = new MemoryKeys(secrets)
  const logged: string[] = []
  const server = await startHttpServer(
    {
      jobs,
      keys,
      storage,
      catalogue,
      metrics,
      secret,
      log: createLog('info', { write: line => void logged.push(line) }),
    },
    { socket, host: '127.0.0.1', keysRequired: await keys.any(), lanes: 1, ...rest },
  )
  return {
    url: server.url,
    jobs,
    storage,
    runner,
    logged,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await jobs[Symbol.asyncDispose]()
      await runner[Symbol.asyncDispose]()
    },
  }
}
