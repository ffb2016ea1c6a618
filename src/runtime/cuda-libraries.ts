/** The libraries of CUDA and cuDNN that the provider needs, and where the system's loader finds them. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../errors.ts'

/** What the provider of ONNX Runtime 1.29 is linked to, and where each comes from. */
export const cudaLibraries = [
  { file: 'libcuda.so.1', source: 'driver' },
  { file: 'libcudart.so.13', source: 'cuda', package: 'nvidia-cuda-runtime' },
  { file: 'libcublas.so.13', source: 'cuda', package: 'nvidia-cublas' },
  { file: 'libcublasLt.so.13', source: 'cuda', package: 'nvidia-cublas' },
  { file: 'libcurand.so.10', source: 'cuda', package: 'nvidia-curand' },
  { file: 'libcudnn.so.9', source: 'cudnn', package: 'nvidia-cudnn-cu13' },
] as const

export type CudaLibrary = (typeof cudaLibraries)[number]

/** The oldest driver of CUDA 13 (NVIDIA, CUDA 13.0 release notes, table 3). */
export const oldestDriver = 580

/** Older ones are wrong or slow in 3-D convolutions of 16-bit floats. */
export const oldestCudnn = [9, 15] as const

/**
 * Where the loader finds each library, or its bare name where only loading it says that it is there: a container can
 * have the driver's libraries in a system folder without an entry in the loader's table. Undefined for one that it does
 * not find.
 * @param loads whether the loader finds a library by its name
 */
export function locateCudaLibraries(
  variables: NodeJS.ProcessEnv = process.env,
  loads: (file: string) => boolean = loaderFinds,
): ReadonlyMap<CudaLibrary, string | undefined> {
  const found = locateLibraries(
    cudaLibraries.map(({ file }) => file),
    variables,
    loads,
  )
  return new Map(cudaLibraries.map(library => [library, found.get(library.file)]))
}

/** The same for libraries by their file names. */
export function locateLibraries(
  files: readonly string[],
  variables: NodeJS.ProcessEnv = process.env,
  loads: (file: string) => boolean = loaderFinds,
): ReadonlyMap<string, string | undefined> {
  const folders = (variables.LD_LIBRARY_PATH ?? '').split(/[:;]/).filter(folder => folder !== '')
  const known = loaderCache()
  return new Map(
    files.map(file => {
      const inFolders = folders.map(folder => path.join(folder, file)).find(existsSync)
      return [file, inFolders ?? known.get(file) ?? (loads(file) ? file : undefined)]
    }),
  )
}

/** Libraries that are missing, cuDNN among them: its kernels of attention and convolution are needed by every model. */
export function missingCudaLibraries(variables?: NodeJS.ProcessEnv): readonly CudaLibrary[] {
  return [...locateCudaLibraries(variables)].flatMap(([library, file]) =>
    file === undefined ? [library] : [],
  )
}

/** Whether the system's loader finds a library by its name. It is loaded and let go again. */
export function loaderFinds(file: string): boolean {
  try {
    process.dlopen({ exports: {} }, file)
    return true
  } catch (error) {
    // A library that loads is refused as none of Node's own.
    return messageOf(error).includes('did not self-register')
  }
}

/** The loader's own table of the system's libraries, by file name. */
function loaderCache(): ReadonlyMap<string, string> {
  const table = ['/sbin/ldconfig', '/usr/sbin/ldconfig'].filter(existsSync).map(printedCache)
  const lines = table.join('\n').matchAll(/^\s*(\S+) \(.*x86-64.*\) => (\S+)$/gm)
  return new Map([...lines].map(([, name, file]) => [name!, file!]))
}

function printedCache(ldconfig: string): string {
  try {
    return execFileSync(ldconfig, ['-p'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return '' // No table has been made: the loader has none to look into either.
  }
}

/**
 * The version of cuDNN, from the name of its file (`libcudnn.so.9.15.1`) or from what pip notes beside the packages
 * that it installs; undefined where neither says it, or the place of the file is not known.
 */
export function cudnnVersion(file: string): string | undefined {
  if (!existsSync(file)) return undefined
  const [, named] = /\.so\.(\d+\.\d+(?:\.\d+)*)$/.exec(realpathSync(file)) ?? []
  if (named) return named
  const packages = path.join(path.dirname(realpathSync(file)), '..', '..', '..') // …/nvidia/cudnn/lib
  const notes = existsSync(packages) ? readdirSync(packages) : []
  const versions = notes.map(name => /^nvidia_cudnn_cu13-(\d+(?:\.\d+)+)\.dist-info$/.exec(name)?.[1])
  return versions.find(version => version !== undefined)
}

/** Whether a dotted version is a given one or newer. */
export function isAtLeast(version: string, oldest: readonly number[]): boolean {
  const parts = version.split('.').map(Number)
  const differing = oldest.findIndex((part, index) => (parts[index] ?? 0) !== part)
  return differing === -1 || (parts[differing] ?? 0) > oldest[differing]!
}
