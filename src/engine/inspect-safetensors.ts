import type { DType } from '../tensor/dtype.ts'
import { elementCount } from '../tensor/dtype.ts'
import { quantizationOf } from '../weights/quantization.ts'
import { readSafetensorsHeader } from '../weights/read-header.ts'
import { type AdapterReport, inspectAdapter } from './inspect-adapter.ts'

/** What a .safetensors file that is no adapter holds, read from its header. */
export interface WeightsReport {
  readonly file: string
  readonly tensors: number
  readonly parameters: number
  readonly dtypes: readonly DType[]
  /** How it is quantised; undefined for plain floats. */
  readonly quantization?: string
  readonly bytes: number
  /** Why it cannot be run as it is. */
  readonly obstacle: string
}

/** What names of adapters have and names of weights have not. */
const adapterKey = /\.lora[_.]|lora_(?:unet|te)|\.(?:hada|lokr|oft|dora)_|\.diff(?:_b|_m)?$|\.alpha$/

/** Whether tensors of these names are an adapter's. */
export function isAdapter(keys: Iterable<string>): boolean {
  return [...keys].some(key => adapterKey.test(key))
}

/**
 * Describes a .safetensors file: an adapter, or a part of a model.
 * @throws CheckpointError for a file that is malformed, or an adapter of a kind that is not read
 */
export async function inspectSafetensors(file: string): Promise<AdapterReport | WeightsReport> {
  const { path, bytes, tensors, metadata } = await readSafetensorsHeader(file)
  if (isAdapter(tensors.keys())) return await inspectAdapter(file)
  const all = [...tensors.values()]
  const quantization = quantizationOf({ tensors, metadata })
  const what = quantization === undefined ? 'a single file' : `a single file of ${quantization} weights`
  return {
    file: path,
    tensors: all.length,
    parameters: all.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    dtypes: [...new Set(all.map(({ dtype }) => dtype))],
    ...(quantization !== undefined && { quantization }),
    bytes,
    obstacle: `${what} is one part of a model; a model is run from a folder in the diffusers layout`,
  }
}
