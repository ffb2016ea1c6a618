/** Numbers that are infinite or none: in weights, and in what graphs make with them. */
import { BackendError, CheckpointError } from '../errors.ts'
import { areFinite } from '../tensor/arithmetic.ts'
import { bytesPerElement, type DType } from '../tensor/dtype.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { TensorLocation } from './tensor-location.ts'
import { readFully, withWeightsFile } from './weights-file.ts'

/** An element that is infinite or no number. */
export interface NotFinite {
  readonly location: TensorLocation
  /** Of the flat tensor. */
  readonly index: number
}

/** The bits that are all 1 in what is infinite or no number, and those that are looked at. */
const specials: { readonly [D in DType]?: number } = {
  f32: 0x7f80_0000,
  f16: 0x7c00,
  bf16: 0x7f80,
  // No infinities: NaN alone has all bits.
  f8e4m3: 0x7f,
  f8e5m2: 0x7c,
}

const bytesAtATime = 1 << 26

/**
 * The first element of dense floats, or of 8-bit floats with scales, that is infinite or no number; undefined where all are
 * finite. Reads the tensors from their files, in their order.
 */
export async function firstNotFinite(tensors: Iterable<TensorLocation>): Promise<NotFinite | undefined> {
  for (const location of tensors) {
    const dtype = location.encoding ? location.encoding.elements : location.dtype
    const special = dtype && specials[dtype]
    if (special === undefined) continue
    const index = await indexIn(location, bytesPerElement(dtype!), special)
    if (index !== undefined) return { location, index }
  }
  return undefined
}

/**
 * Refuses results of a graph that are infinite or no number, and says why they are. Pictures of one value alone are suspicious:
 * a decoder rounds what is no number to black. Nothing is said of those where the weights are finite.
 * @param firstInWeights reads the weights that they were made with; called where results are suspicious
 * @throws CheckpointError `checkpoint/tensors` that names the first tensor of the weights that is not finite
 * @throws BackendError `runtime/session` where the weights are finite
 */
export async function assertFinite(
  tensors: Readonly<Record<string, Tensor>>,
  graph: string,
  firstInWeights: () => Promise<NotFinite | undefined>,
): Promise<void> {
  for (const [name, { dtype, data }] of Object.entries(tensors)) {
    const broken = dtype === 'f32' && !areFinite(data as Float32Array)
    if (!broken && !(dtype === 'u8' && data.every(value => value === data[0]))) continue
    const found = await firstInWeights()
    if (found) throw weightNotFinite(found)
    if (!broken) continue
    throw new BackendError('runtime/session', {
      subject: `${graph}: ${name}`,
      expected: 'finite numbers',
      got: String((data as Float32Array).find(value => !Number.isFinite(value))),
      advice: 'The weights are finite: the precision may be too small for them. Use --precision f32.',
    })
  }
}

function weightNotFinite({ location: { file, key }, index }: NotFinite): CheckpointError {
  return new CheckpointError('checkpoint/tensors', {
    subject: `${file}: ${key}`,
    expected: 'finite numbers',
    got: `NaN or infinity as element ${index}`,
    advice: 'Download the file again, or use another one of the same model.',
  })
}

async function indexIn(
  { file, offset, bytes }: TensorLocation,
  width: number,
  special: number,
): Promise<number | undefined> {
  return await withWeightsFile(file, async open => {
    const buffer = new Uint8Array(Math.min(bytes, bytesAtATime))
    for (let start = 0; start < bytes; start += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, bytes - start))
      await readFully(open, part, offset + start)
      const found = elementsOf(part, width).findIndex(bits => (bits & special) === special)
      if (found >= 0) return start / width + found
    }
    return undefined
  })
}

function elementsOf(bytes: Uint8Array, width: number): Uint8Array | Uint16Array | Uint32Array {
  const { buffer, byteOffset, length } = bytes
  if (width === 1) return bytes
  return width === 2
    ? new Uint16Array(buffer, byteOffset, length / 2)
    : new Uint32Array(buffer, byteOffset, length / 4)
}
