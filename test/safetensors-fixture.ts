import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { DType } from '../src/tensor/dtype.ts'
import { type HostArray, type Tensor, tensor } from '../src/tensor/tensor.ts'

/** How each safetensors dtype name is called here, and the typed array that reads its bytes. */
const dtypes: Readonly<Record<string, readonly [DType, (bytes: ArrayBuffer) => HostArray]>> = {
  F64: ['f64', bytes => new Float64Array(bytes)],
  F32: ['f32', bytes => new Float32Array(bytes)],
  F16: ['f16', bytes => new Uint16Array(bytes)],
  BF16: ['bf16', bytes => new Uint16Array(bytes)],
  I64: ['i64', bytes => new BigInt64Array(bytes)],
  I32: ['i32', bytes => new Int32Array(bytes)],
  I16: ['i16', bytes => new Int16Array(bytes)],
  I8: ['i8', bytes => new Int8Array(bytes)],
  U8: ['u8', bytes => new Uint8Array(bytes)],
  F8_E4M3: ['f8e4m3', bytes => new Uint8Array(bytes)],
  F8_E5M2: ['f8e5m2', bytes => new Uint8Array(bytes)],
  BOOL: ['bool', bytes => new Uint8Array(bytes)],
}

interface HeaderEntry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

/**
 * Reads every tensor of a trusted .safetensors fixture, compressed where its name ends in .gz, into host memory.
 * Independent of src/weights, so that a defect there cannot hide in what its tests compare with.
 */
export function readFixtureTensors(path: string): Map<string, Tensor> {
  const stored = readFileSync(path)
  const file = path.endsWith('.gz') ? gunzipSync(stored) : stored
  const dataStart = 8 + Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, dataStart)) as Record<string, HeaderEntry>
  const tensors = new Map<string, Tensor>()
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    tensors.set(name, readTensor(file, dataStart, name, entry))
  }
  return tensors
}

/** The float32 data of one tensor of a fixture; throws when it is missing or of another dtype. */
export function float32Of(tensors: ReadonlyMap<string, Tensor>, name: string): Float32Array {
  const found = tensors.get(name)
  if (!(found?.data instanceof Float32Array)) throw new Error(`${name}: expected f32, got ${found?.dtype}.`)
  return found.data
}

function readTensor(file: Buffer, dataStart: number, name: string, entry: HeaderEntry): Tensor {
  const known = dtypes[entry.dtype]
  if (known === undefined) throw new Error(`${name}: expected a known dtype, got ${entry.dtype}.`)
  const [dtype, view] = known
  const [begin, end] = entry.data_offsets
  // Copied, because a typed array needs its bytes aligned and a safetensors file does not promise that.
  const start = file.byteOffset + dataStart
  const bytes = file.buffer.slice(start + begin, start + end) as ArrayBuffer
  return tensor(dtype, entry.shape, view(bytes))
}
