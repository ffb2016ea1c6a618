/** ONNX Runtime's CUDA provider: what it is made of, and whether it is where the runtime looks for it. */
import { existsSync, readFileSync } from 'node:fs'
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
  return path.join(packageFolder(), 'bin', 'napi-v6', process.platform, process.arch)
}

/** The version of ONNX Runtime, which the provider has to have too: they call each other without a stable interface. */
export function runtimeVersion(): string {
  const about = readFileSync(path.join(packageFolder(), 'package.json'), 'utf8')
  return (JSON.parse(about) as { readonly version: string }).version
}

/** ONNX Runtime for Node, as `kernels/onnxruntime` places it in the compiled package. */
function packageFolder(): string {
  return path.join(path.dirname(createRequire(import.meta.url).resolve('#onnxruntime')), '..')
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
