import { readFile } from 'node:fs/promises'
import type { Storage } from '../../jobs/storage.ts'
import type { TaskProgress } from '../../jobs/task.ts'

/**
 * Reads a preview for an event.
 * @returns base64; undefined when its task has ended meanwhile, which removes it
 */
export async function previewJpeg(
  storage: Storage,
  { key }: NonNullable<TaskProgress['preview']>,
): Promise<string | undefined> {
  return await readFile(storage.pathOf(key), 'base64').catch(() => undefined)
}
