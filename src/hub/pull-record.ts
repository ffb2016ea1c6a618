import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { recordName } from './file-path.ts'

const recordedFile = z.object({
  path: z.string(),
  bytes: z.int().nonnegative(),
  checksum: z.object({ algorithm: z.enum(['sha256', 'sha512', 'git-sha1']), hex: z.string() }),
  /** Whether the file on disk had this checksum when it got its name. */
  verified: z.boolean(),
})

const pullRecord = z.object({
  id: z.string(),
  revision: z.string(),
  commit: z.string(),
  /** Whether every file is there. */
  complete: z.boolean(),
  files: z.array(recordedFile),
  /** What was asked for: paths in the repository, `''` for a whole model. */
  parts: z.array(z.string()).default(['']),
})

/** What was pulled into a folder, kept in it so that a pull can be taken up and the cache listed without the hub. */
export type PullRecord = z.infer<typeof pullRecord>
export type RecordedFile = z.infer<typeof recordedFile>

/** The record of a folder, or undefined where there is none that can be read. */
export async function readRecord(folder: string): Promise<PullRecord | undefined> {
  try {
    return pullRecord.parse(JSON.parse(await readFile(join(folder, recordName), 'utf8')))
  } catch {
    return undefined
  }
}

/** Replaces the record of a folder in one step. */
export async function writeRecord(folder: string, record: PullRecord): Promise<void> {
  const path = join(folder, recordName)
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, `${JSON.stringify(record, undefined, 2)}\n`)
  await rename(temporary, path)
}
