import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'

const ownName = /^framewright-gpu-(\d+)-\w+$/

/**
 * A new folder for random weights. Removes those of runs that were killed: in memory they would take the room of the next
 * one's weights.
 */
export function weightsFolder(above: string): string {
  for (const name of readdirSync(above)) {
    const [, owner] = ownName.exec(name) ?? []
    if (owner !== undefined && !isRunning(Number(owner))) {
      rmSync(path.join(above, name), { recursive: true, force: true })
    }
  }
  return mkdtempSync(path.join(above, `framewright-gpu-${process.pid}-`))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
