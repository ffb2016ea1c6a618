import type { Logger } from 'pino'
import type { Jobs } from '../jobs/jobs.ts'
import type { Storage } from '../jobs/storage.ts'
import { uploadHours } from './assets/asset-limits.ts'

const hour = 3_600_000

/** Files that no task has to remove, and the hours after which they are not needed any more. */
const lifetimes: readonly (readonly [folder: string, hours: number])[] = [
  ['incoming', 6],
  ['uploads', 2 * uploadHours],
  ['previews', 24],
  ['inputs', 14 * 24],
]

/** Removes what has aged, now and every hour, but what tasks start from that have not ended. @returns stops it */
export function startSweep(storage: Storage, jobs: Pick<Jobs, 'inputsInUse'>, log: Logger): () => void {
  const sweep = async () => {
    const inUse = await jobs.inputsInUse()
    for (const [folder, hours] of lifetimes) {
      const files = await storage.removeOlder(folder, new Date(Date.now() - hours * hour), inUse)
      if (files > 0) log.info({ folder, files }, 'removed old files')
    }
  }
  const run = () => void sweep().catch(error => log.error({ error }, 'old files were not removed'))
  run()
  const timer = setInterval(run, hour)
  timer.unref()
  return () => clearInterval(timer)
}
