/** `node machine.js DEVICE`: what the machine has, as JSON. */
import { statfsSync } from 'node:fs'
import { nvidiaGpus } from '../../src/engine/nvidia-gpus.ts'
import { cudnnVersion, loaderFinds, locateCudaLibraries } from '../../src/runtime/cuda-libraries.ts'
import { runtimeVersion } from '../../src/runtime/cuda-provider.ts'

const [gpu] = await nvidiaGpus()
const located = [...locateCudaLibraries()]
const libraries = located.map(([{ file }, place]) => {
  return [file, { place: place ?? 'none', loads: loaderFinds(file) }] as const
})
const cudnn = located.find(([{ source }]) => source === 'cudnn')?.[1]
const memory = statfsSync('/dev/shm')
const found = {
  gpu: gpu?.name ?? 'none',
  driver: gpu?.driver ?? 'none',
  cudnn: (cudnn && cudnnVersion(cudnn)) ?? 'unknown',
  onnxruntime: runtimeVersion(),
  node: process.versions.node,
  '/dev/shm free, GB': (memory.bavail * memory.bsize) / 1e9,
  libraries: Object.fromEntries(libraries),
}
process.stdout.write(`${JSON.stringify(found)}\n`)
