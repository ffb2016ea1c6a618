import { execFile } from 'node:child_process'
import { chmod, constants, copyFile, mkdir, mkdtemp, rename, rm, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { BackendError, messageOf } from '../errors.ts'
import { framewrightHome } from '../hub/environment.ts'
import type { PullEvent } from '../hub/events.ts'
import { type NpmPackage, pullNpmPackage } from '../hub/npm-package.ts'
import { isOfVersion, providerLibraries, runtimeFolder, runtimeVersion } from '../runtime/cuda-provider.ts'

export interface SetupCudaOptions {
  /** A folder with the provider's libraries, for a machine without a network. @default they are fetched */
  readonly from?: string
  readonly signal?: AbortSignal
  /** Where the provider is kept. @default `$FRAMEWRIGHT_HOME/providers`, else the user's cache folder */
  readonly folder?: string
}

/** Where a provider comes from and where it goes to. */
export interface ProviderPlace {
  /** Of ONNX Runtime. */
  readonly version: string
  /** The npm package that has the provider of this version; undefined where none is known. */
  readonly release: NpmPackage | undefined
  /** The folder of ONNX Runtime's libraries. */
  readonly runtime: string
}

/** Packages with the provider for CUDA 13 on x64 Linux, by the version of ONNX Runtime. */
const releases: Readonly<Record<string, NpmPackage>> = {
  '1.29.0': {
    name: 'com.github.asus4.onnxruntime.linux-x64-gpu',
    version: '0.4.9',
    bytes: 179_145_956,
    integrity:
      'sha512-FopIhNE/Ng+v2X65wVc9clPCBCvhvA53Hxo2U0Kf5fGdVsC7iCA+mZ0KLWggcQAj7TIZ6pNidR4AC10g74Xo6w==',
    folder: 'package/Plugins/Linux/x64',
  },
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
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw providerError('platform', 'x64 Linux', `${process.platform} ${process.arch}`, 'Use --device cpu.')
  }
  const kept = path.join(options.folder ?? path.join(framewrightHome(), 'providers'), `cuda-${place.version}`)
  if (options.from !== undefined) await copyProvider(path.resolve(options.from), kept, place.version)
  else if (!(await hasProvider(kept))) yield* fetchProvider(kept, place, options.signal)
  await linkProvider(kept, place.runtime)
  yield { type: 'pull-end', path: place.runtime }
}

/** The runtime of this installation. */
export function ownPlace(): ProviderPlace {
  const version = runtimeVersion()
  return { version, release: releases[version], runtime: runtimeFolder() }
}

async function hasProvider(folder: string): Promise<boolean> {
  const found = await Promise.all(
    providerLibraries.map(file => stat(path.join(folder, file)).catch(() => undefined)),
  )
  return found.every(entry => entry?.isFile())
}

async function* fetchProvider(
  kept: string,
  { release, version }: ProviderPlace,
  signal: AbortSignal | undefined,
): AsyncGenerator<PullEvent> {
  if (!release) {
    const advice = 'Give a folder that has it with --from.'
    throw providerError(
      'CUDA provider',
      'a known package for this version',
      `ONNX Runtime ${version}`,
      advice,
    )
  }
  const above = path.dirname(kept)
  await mkdir(above, { recursive: true })
  const archive = path.join(above, `${release.name}-${release.version}.tgz`)
  yield* pullNpmPackage(release, archive, signal)
  const unpacked = await mkdtemp(`${kept}-`)
  try {
    const members = providerLibraries.map(file => `${release.folder}/${file}`)
    const strip = `--strip-components=${release.folder.split('/').length}`
    await promisify(execFile)('tar', ['-xzf', archive, '-C', unpacked, strip, ...members])
    await checkVersion(unpacked, version)
    await rm(kept, { recursive: true, force: true })
    await chmod(unpacked, 0o755) // temporary folders are for their maker alone
    await rename(unpacked, kept)
    await rm(archive)
  } finally {
    await rm(unpacked, { recursive: true, force: true })
  }
}

/** Copies what is given, so that the folder it came from may go. */
async function copyProvider(from: string, kept: string, version: string): Promise<void> {
  if (!(await hasProvider(from))) {
    const advice = 'Give the folder that holds both.'
    throw providerError(from, providerLibraries.join(' and '), 'a folder without them', advice)
  }
  await checkVersion(from, version)
  if (from === kept) return
  await mkdir(kept, { recursive: true })
  for (const file of providerLibraries) {
    const target = path.join(kept, file)
    await copyFile(path.join(from, file), `${target}.partial`, constants.COPYFILE_FICLONE)
    await rename(`${target}.partial`, target)
  }
}

async function checkVersion(folder: string, version: string): Promise<void> {
  const library = path.join(folder, providerLibraries[0])
  if (await isOfVersion(library, version)) return
  const advice = 'The runtime crashes with a provider of another version: use the one of its own.'
  throw providerError(library, `the provider of ONNX Runtime ${version}`, 'another file', advice)
}

async function linkProvider(kept: string, runtime: string): Promise<void> {
  for (const file of providerLibraries) {
    const link = path.join(runtime, file)
    const fresh = `${link}.${process.pid}`
    try {
      await symlink(path.join(kept, file), fresh)
      await rename(fresh, link)
    } catch (cause) {
      const advice = 'Run the command as the user who installed the package.'
      throw providerError(link, 'a link that can be made', messageOf(cause), advice, cause)
    }
  }
}

function providerError(
  subject: string,
  expected: string,
  got: string,
  advice: string,
  cause?: unknown,
): BackendError {
  return new BackendError('runtime/provider', { subject, expected, got, advice }, { cause })
}
