/** The library of our own kernels, for tests. */
import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const script = fileURLToPath(new URL('../../kernels/library/build.sh', import.meta.url))
const check = spawnSync('bash', [script, '--check'], { encoding: 'utf8' })

/** Why the library cannot be built here, or undefined. */
export const noKernels = check.status === 0 ? undefined : (check.error?.message ?? check.stderr.trim())

/** Builds the library as `npm run build:kernels` does; it takes no time when it is up to date. */
export async function buildKernels(): Promise<void> {
  await promisify(execFile)('bash', [script])
}
