import { constants, copyFile, mkdir, rename } from 'node:fs/promises'
import path from 'node:path'
import type { PullEvent } from '../hub/events.ts'
import { providerLibraries } from '../runtime/cuda-provider.ts'
import { tensorRtProvider } from '../runtime/tensorrt-provider.ts'
import {
  checkPlatform,
  checkVersion,
  fetchProvider,
  hasFiles,
  keptProvider,
  linkFiles,
  ownPlace,
  type ProviderPlace,
  providerError,
  type SetupOptions,
} from './provider-package.ts'

export interface SetupCudaOptions extends SetupOptions {
  /** A folder with the provider's libraries, for a machine without a network. @default they are fetched */
  readonly from?: string
}

/**
 * Puts ONNX Runtime's CUDA provider where the runtime looks for it: fetches the package of exactly the runtime's
 * version, checks its integrity, keeps the libraries in a cache and links them. A provider that is in the cache is not
 * fetched again. Iterate to run it.
 * @throws BackendError where there is no provider for the runtime, or it cannot be placed; HubError when it cannot be
 *   fetched; CancelledError after an abort
 */
export async function* setupCuda(
  options: SetupCudaOptions = {},
  place: ProviderPlace = ownPlace(),
): AsyncGenerator<PullEvent> {
  checkPlatform()
  const kept = keptProvider('cuda', place.version, options)
  if (options.from !== undefined) await copyProvider(path.resolve(options.from), kept, place.version)
  else if (!(await hasFiles(kept, providerLibraries))) {
    // The package is large, and TensorRT's provider small.
    const files = [...providerLibraries, ...(place.release?.hasTensorRt ? [tensorRtProvider] : [])]
    yield* fetchProvider(kept, place, { subject: 'CUDA provider', files, signal: options.signal })
  }
  await linkFiles(
    providerLibraries.map(file => path.join(kept, file)),
    place.runtime,
  )
  yield { type: 'pull-end', path: place.runtime }
}

/** Copies what is given, so that the folder it came from may go. */
async function copyProvider(from: string, kept: string, version: string): Promise<void> {
  if (!(await hasFiles(from, providerLibraries))) {
    const advice = 'Give the folder that holds both.'
    throw providerError(from, providerLibraries.join(' and '), 'a folder without them', advice)
  }
  await checkVersion(path.join(from, providerLibraries[0]), version)
  if (from === kept) return
  await mkdir(kept, { recursive: true })
  for (const file of providerLibraries) {
    const target = path.join(kept, file)
    await copyFile(path.join(from, file), `${target}.partial`, constants.COPYFILE_FICLONE)
    await rename(`${target}.partial`, target)
  }
}
