/** ONNX Runtime's CUDA provider: what it is made of, and whether it is where the runtime looks for it. */
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'

/** Libraries of the provider. The runtime loads the first, which finds the runtime through the second. */
export const providerLibraries = [
  'libonnxruntime_providers_cuda.so',
  'libonnxruntime_providers_shared.so',
] as const

/** The folder of ONNX Runtime's libraries, where providers have to lie. */
export function runtimeFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node')
  return path.join(path.dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch)
}

/** The version of ONNX Runtime, which the provider has to have too: they call each other without a stable interface. */
export function runtimeVersion(): string {
  const require = createRequire(import.meta.url)
  return (require('onnxruntime-node/package.json') as { version: string }).version
}

/** Whether the CUDA provider's library lies where ONNX Runtime looks for it. */
export function cudaProviderInstalled(): boolean {
  return existsSync(providerFile())
}

/** Where ONNX Runtime looks for the CUDA provider. */
export function providerFile(): string {
  return path.join(runtimeFolder(), providerLibraries[0])
}

/** Whether a provider's library is of a version of ONNX Runtime: the library names its own. */
export async function isOfVersion(library: string, version: string): Promise<boolean> {
  const wanted = Buffer.from(`\0${version}\0`)
  const block = Buffer.alloc((8 << 20) + wanted.length)
  await using file = await open(library)
  // The end of each block is read again as the start of the next, where the text may continue.
  for (let position = 0, bytesRead = block.length; bytesRead === block.length; position += 8 << 20) {
    bytesRead = (await file.read(block, 0, block.length, position)).bytesRead
    if (block.subarray(0, bytesRead).includes(wanted)) return true
  }
  return false
}
