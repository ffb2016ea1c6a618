import { access, constants, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { checkOutput } from '../media/output-path.ts'
import { UsageError } from './usage-error.ts'
import type { VideoJob } from './video-jobs.ts'

/**
 * Checks that everything a run is to write can be written, before a model is loaded for it.
 * @throws MediaError, UsageError
 */
export async function checkOutputs(
  jobs: readonly VideoJob[],
  { clobber = true }: { readonly clobber?: boolean } = {},
): Promise<void> {
  for (const { output, latents } of jobs) {
    await checkOutput(output)
    if (latents !== undefined) await checkLatents(latents)
    for (const path of clobber ? [] : [output, latents]) if (path !== undefined) await checkNew(path)
  }
}

/** @throws UsageError for a file that is there */
async function checkNew(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) return
  const advice = 'Choose another with --output, or leave --no-clobber out.'
  throw new UsageError({ subject: path, expected: 'a new name', got: 'one of a file', advice })
}

async function checkLatents(path: string): Promise<void> {
  const folder = dirname(resolve(path))
  await access(folder, constants.W_OK).catch(error => {
    const got =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? `none at ${folder}` : (error as Error).message
    const advice = 'Make it first, or choose another.'
    throw new UsageError({
      subject: '--save-latents',
      expected: 'a folder that can be written to',
      got,
      advice,
    })
  })
}
