import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { HubError } from '../errors.ts'
import { partialSuffix } from './file-path.ts'
import type { HubFile } from './repository.ts'

/**
 * Checks that the files that are still missing fit on the disk of a folder.
 * @throws HubError when they do not
 */
export async function checkFreeSpace(folder: string, files: readonly HubFile[]): Promise<void> {
  const missing = await Promise.all(files.map(file => missingBytes(join(folder, file.path), file.bytes)))
  const needed = missing.reduce((sum, bytes) => sum + bytes, 0)
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (needed <= free) return
  throw new HubError('hub/download', {
    subject: folder,
    expected: `${gigabytes(needed)} of free disk space`,
    got: gigabytes(free),
    advice: 'Make room, or set FRAMEWRIGHT_HOME to a folder on a larger disk.',
  })
}

async function missingBytes(path: string, bytes: number): Promise<number> {
  if ((await sizeOf(path)) === bytes) return 0
  return Math.max(0, bytes - ((await sizeOf(path + partialSuffix)) ?? 0))
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`
}
