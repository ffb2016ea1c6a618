import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import type { MediaFacts } from '../../media/probe.ts'
import { FairGate } from '../http/fair-gate.ts'

/** A file that takes longer is read by its run alone. */
const probeMs = 10_000

/** Processes at a time: of all clients together, and of one. */
const probesAtOnce = { all: 2, ofOwner: 1 } as const

/** Says what clients' videos are. It is done in processes of their own: what a file does to its reader ends there. */
export class ClipProbe {
  readonly #gate = new FairGate(probesAtOnce)

  /** @returns undefined for a file that cannot be read, or not in time: its run says what is wrong with it */
  async factsOf(path: string, owner: string): Promise<MediaFacts | undefined> {
    const program = createRequire(import.meta.url).resolve('#probe-process')
    return await this.#gate.run(owner, async () => {
      try {
        const ran = await promisify(execFile)(process.execPath, [program, path], { timeout: probeMs })
        return JSON.parse(ran.stdout) as MediaFacts
      } catch {
        return undefined
      }
    })
  }
}
