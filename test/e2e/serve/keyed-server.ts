import type { LookupAddress } from 'node:dns'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { type HttpServerOptions, startHttpServer } from '../../../src/server/http-server.ts'
import { createLog } from '../../../src/server/log.ts'
import { createMetrics } from '../../../src/server/metrics.ts'
import { Catalogue } from '../../../src/server/models/catalogue.ts'
import { MemoryJobs, MemoryKeys } from '../../unit/server/memory-jobs.ts'

export interface Answer {
  readonly status: number
  readonly body: { error?: string; issues?: { path: (string | number)[]; message: string }[]; id?: string }
}

export interface KeyedServer extends AsyncDisposable {
  readonly url: string
  readonly storage: FolderStorage
  readonly jobs: MemoryJobs
  /** Key of the request; '' for none. @default Alice's */
  call(path: string, init?: RequestInit & { key?: string }): Promise<Answer>
  post(path: string, body: unknown, key?: string): Promise<Answer>
}

/** What the server signs with. */
export const serverSecret = Buffer.alloc(32, 7)

/** A server that needs keys, has those of Alice, Bob and Carol, and starts no task. */
export async function startKeyedServer(
  folder: string,
  resolve: (host: string) => readonly LookupAddress[] = () => [],
  options: Partial<HttpServerOptions> = {},
): Promise<KeyedServer> {
  const storage = new FolderStorage(folder)
  const jobs = new MemoryJobs({ storage })
  const keys = {
    alice: { limits: { activeTasks: 200 } },
    bob: {},
    carol: { limits: { activeTasks: 1 } },
    dave: { limits: { activeTasks: 4 } },
  }
  const server = await startHttpServer(
    {
      jobs,
      storage,
      keys: new MemoryKeys(keys),
      catalogue: await Catalogue.open({}),
      metrics: createMetrics({ stats: () => jobs.stats(), hosts: () => [] }),
      secret: serverSecret,
      log: createLog('silent'),
    },
    {
      host: '127.0.0.1',
      port: 0,
      keysRequired: true,
      lanes: 1,
      maxQueued: 100_000,
      requestTimeoutMs: 5_000,
      addresses: { allowedHosts: [], resolve: async host => resolve(host) },
      ...options,
    },
  )
  const call: KeyedServer['call'] = async (path, { key = 'alice', ...init } = {}) => {
    const headers = new Headers(init.headers)
    if (key) headers.set('authorization', `Bearer ${key}`)
    const response = await fetch(server.url + path, { ...init, headers })
    const text = await response.text()
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
  }
  return {
    url: server.url,
    storage,
    jobs,
    call,
    async post(path, body, key = 'alice') {
      const headers = { 'content-type': 'application/json' }
      return await call(path, { method: 'POST', body: JSON.stringify(body), headers, key })
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
