import type { Logger } from 'pino'
import type { Jobs } from '../jobs/jobs.ts'
import type { Keys } from '../jobs/keys.ts'
import type { Storage } from '../jobs/storage.ts'
import type { AssetStore } from './assets/asset-store.ts'
import type { ClipProbe } from './assets/clip-probe.ts'
import type { InlineData } from './assets/inline-data.ts'
import type { AddressPolicy } from './assets/vetted-request.ts'
import type { BodyBudget } from './http/body-budget.ts'
import type { BodyBuffers } from './http/body-buffers.ts'
import type { BodyTimes } from './http/body-clock.ts'
import type { Signer } from './http/signature.ts'
import type { Metrics } from './metrics.ts'
import type { Catalogue } from './models/catalogue.ts'
import type { MemoryPlanner } from './models/memory-planner.ts'
import type { Admission } from './tasks/admission.ts'
import type { RetryDeduplicator } from './tasks/retry-deduplicator.ts'

/** What the routes work with. */
export interface Services {
  readonly jobs: Jobs
  readonly keys: Keys
  readonly storage: Storage
  readonly assets: AssetStore
  readonly inline: InlineData
  readonly clips: ClipProbe
  readonly catalogue: Catalogue
  readonly signer: Signer
  readonly retries: RetryDeduplicator
  readonly admission: Admission
  readonly bodies: BodyBudget
  readonly buffers: BodyBuffers
  readonly metrics: Metrics
  /** Undefined where the server has no device. */
  readonly memory: MemoryPlanner | undefined
  readonly log: Logger
  readonly settings: Settings
}

export interface Settings {
  /**
   * Address under which clients reach the server, without a slash at its end. Undefined where it listens on every address of
   * its machine and is not told one: then each client is given the one that its request came to.
   */
  readonly publicUrl: string | undefined
  /** Whether clients need a key from the start; else they do from when there is one. */
  readonly keysRequired: boolean
  readonly bodyTimes: BodyTimes
  /** Tasks that run at a time, as far as this server knows: more than those wait as THROTTLED. */
  readonly lanes: number
  /** Devices that this server makes videos on; none where only workers do. */
  readonly devices: readonly string[]
  /** Whether browsers get the Studio at `/`. */
  readonly studio: boolean
  /** Tasks that may wait, of all clients together. */
  readonly maxQueued: number
  /** How long the address of an output is valid. */
  readonly outputHours: number
  /** Folder on the storage's file system for what is being received. */
  readonly incomingFolder: string
  /** What fetched URLs and webhooks may reach. */
  readonly addresses: AddressPolicy
  /** Whether Runway's X-Runway-Version header has to be there, as at Runway. */
  readonly strictVersion: boolean
}
