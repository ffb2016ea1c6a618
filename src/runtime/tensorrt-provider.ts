/** ONNX Runtime's TensorRT provider, and the libraries of TensorRT that it needs. */
import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { locateLibraries } from './cuda-libraries.ts'
import { runtimeFolder } from './cuda-provider.ts'

export const tensorRtProvider = 'libonnxruntime_providers_tensorrt.so'

/** What the provider of ONNX Runtime 1.29 is linked to, in the order in which they are loaded. */
export const tensorRtLibraries = ['libnvinfer.so.10', 'libnvonnxparser.so.10'] as const

export function tensorRtProviderInstalled(folder: string = runtimeFolder()): boolean {
  return existsSync(path.join(folder, tensorRtProvider))
}

/**
 * Where each library is: where `setup tensorrt` linked it, else where the system's loader finds it; undefined where it is
 * not. A link is followed, so that a library finds those beside it.
 */
export function locateTensorRtLibraries(
  folder: string = runtimeFolder(),
  variables: NodeJS.ProcessEnv = process.env,
): ReadonlyMap<string, string | undefined> {
  const found = locateLibraries(tensorRtLibraries, variables)
  return new Map(
    tensorRtLibraries.map(file => {
      const linked = path.join(folder, file)
      return [file, existsSync(linked) ? realpathSync(linked) : found.get(file)]
    }),
  )
}

/** What is missing of the provider and its libraries, by file name. */
export function missingTensorRt(folder?: string, variables?: NodeJS.ProcessEnv): readonly string[] {
  const libraries = [...locateTensorRtLibraries(folder, variables)]
  return [
    ...(tensorRtProviderInstalled(folder) ? [] : [tensorRtProvider]),
    ...libraries.flatMap(([name, file]) => (file === undefined ? [name] : [])),
  ]
}
