import { bytesPerElement, type DType, elementCount } from '../tensor/dtype.ts'
import { safetensorsNames } from './dtype-names.ts'

/** A tensor to be written, without its data. */
export interface TensorEntry {
  readonly key: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** A header, and what the data behind it has to be: the tensors in `order`, `dataBytes` in all. */
export interface HeaderPlan<E extends TensorEntry> {
  /** Length prefix and JSON, padded to a multiple of 8 bytes. */
  readonly header: Uint8Array
  readonly order: readonly E[]
  readonly dataBytes: number
}

/**
 * Lays out a .safetensors file as the reference implementation does: wide dtypes first, then by key, so that every
 * tensor is aligned to its element size.
 * @throws RangeError for a key that the format does not allow
 */
export function planHeader<E extends TensorEntry>(
  entries: readonly E[],
  metadata: ReadonlyMap<string, string> = new Map(),
): HeaderPlan<E> {
  const order = [...entries].sort(asReference)
  const members =
    metadata.size === 0 ? [] : [`"__metadata__":${JSON.stringify(Object.fromEntries(metadata))}`]
  let begin = 0
  for (const { key, dtype, shape } of order) {
    if (key.startsWith('__'))
      throw new RangeError(`${key}: expected a key that is not reserved by safetensors.`)
    const end = begin + elementCount(shape) * bytesPerElement(dtype)
    const entry = { dtype: safetensorsNames[dtype], shape, data_offsets: [begin, end] }
    members.push(`${JSON.stringify(key)}:${JSON.stringify(entry)}`)
    begin = end
  }
  return { header: headerBytes(`{${members.join(',')}}`), order, dataBytes: begin }
}

const dtypeOrder = Object.keys(safetensorsNames)

function asReference(a: TensorEntry, b: TensorEntry): number {
  const byDType = dtypeOrder.indexOf(a.dtype) - dtypeOrder.indexOf(b.dtype)
  return byDType || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))
}

function headerBytes(json: string): Uint8Array {
  const text = Buffer.from(json)
  const length = Math.ceil(text.length / 8) * 8
  const bytes = Buffer.alloc(8 + length, ' ')
  bytes.writeBigUInt64LE(BigInt(length), 0)
  text.copy(bytes, 8)
  return bytes
}
