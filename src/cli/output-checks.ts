import { access, constants } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { checkOutput } from '../media/output-path.ts'
import { UsageError } from './usage-error.ts'
import type { VideoJob } from './video-jobs.ts'

/**
 * Checks that everything a run is to write can be written, before a model is loaded for it.
 * @throws MediaError, UsageError
 */
export async function checkOutputs(jobs: readonly VideoJob[]): Promise<void> {
  for (const { output, latents } of jobs) {
    await checkOutput(output)
    if (latents !== undefined) await checkLatents(latents)
  }
}

async function checkLatents(path: string): Promise<void> {
  const folder = dirname(resolve(path))
  await access(folder, constants.W_OK).catch(error => {
    const got =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? `none at ${folder}` : (error as Error).message
    throw new UsageError({ subject: '--save-latents', expected: 'a folder that can be written to', got })
  })
}
