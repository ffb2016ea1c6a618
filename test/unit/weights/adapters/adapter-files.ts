import { join } from 'node:path'
import { type Tensor, tensor } from '../../../../src/tensor/tensor.ts'
import { type AdapterFile, readAdapter } from '../../../../src/weights/adapters/adapter-file.ts'
import { writeSafetensors } from '../../../../src/weights/write-safetensors.ts'
import { scratchFolder } from '../../../scratch.ts'

export function zeros(...shape: number[]): Tensor {
  return tensor('f32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))
}

/** Matrices of rank 2 for a layer [8, 4]. */
export const pair = { down: zeros(2, 4), up: zeros(8, 2) }

export type WriteAdapter = (
  tensors: Readonly<Record<string, Tensor>>,
  metadata?: Readonly<Record<string, string>>,
) => Promise<AdapterFile>

/** Writes adapters into a folder of the test file, and reads them. */
export function adapterFiles(): WriteAdapter {
  const folder = scratchFolder()
  let files = 0
  return async (tensors, metadata = {}) => {
    const path = join(folder, `adapter-${files++}.safetensors`)
    await writeSafetensors(path, new Map(Object.entries(tensors)), new Map(Object.entries(metadata)))
    return await readAdapter(path)
  }
}
