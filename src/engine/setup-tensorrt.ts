import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '../errors.ts'
import type { PullEvent } from '../hub/events.ts'
import { tensorRtLibraries, tensorRtProvider } from '../runtime/tensorrt-provider.ts'
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

export interface SetupTensorRtOptions extends SetupOptions {
  /** The folder of TensorRT 10's libraries, which stays where it is. It may hold the provider too. */
  readonly from: string
}

/**
 * Puts ONNX Runtime's TensorRT provider where the runtime looks for it, and links TensorRT's libraries beside it. The
 * provider comes from the folder, from the cache, or from the package of the CUDA provider. Iterate to run it.
 * @throws BackendError where the folder has no TensorRT 10, or there is no provider for the runtime; HubError when it
 *   cannot be fetched; CancelledError after an abort
 */
export async function* setupTensorRt(
  { from, ...options }: SetupTensorRtOptions,
  place: ProviderPlace = ownPlace(),
): AsyncGenerator<PullEvent> {
  checkPlatform()
  const source = path.resolve(from)
  const libraries = await librariesIn(source)
  const own = keptProvider('tensorrt', place.version, options)
  const folders = [source, keptProvider('cuda', place.version, options), own]
  const has = await Promise.all(folders.map(each => hasFiles(each, [tensorRtProvider])))
  const found = folders.find((_, index) => has[index])
  if (found === undefined)
    yield* fetchProvider(own, place, {
      subject: 'TensorRT provider',
      files: [tensorRtProvider],
      signal: options.signal,
    })
  const provider = path.join(found ?? own, tensorRtProvider)
  await checkVersion(provider, place.version)
  await linkFiles([provider, ...libraries], place.runtime)
  yield { type: 'pull-end', path: place.runtime }
}

/** TensorRT's libraries of a folder: those that the provider is linked to. */
async function librariesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(error => {
    throw providerError(folder, 'a folder with TensorRT 10', messageOf(error), advice)
  })
  const missing = tensorRtLibraries.filter(file => !names.includes(file))
  if (missing.length === 0) return tensorRtLibraries.map(file => path.join(folder, file))
  const others = names.filter(name => /^libnv(infer|onnxparser)\.so/.test(name))
  const got = others.length > 0 ? others.join(', ') : 'a folder without them'
  throw providerError(folder, missing.join(' and '), got, advice)
}

const advice =
  'Give the folder of TensorRT 10: the provider knows no other version. It is lib of NVIDIA’s archive, or tensorrt_libs of its Python package.'
