/** Scales of blocks: as many as a file has blocks, so that they are read when a model is loaded, not with its header. */
import type { TensorLocation } from '../tensor-location.ts'
import { readFully, withWeightsFile } from '../weights-file.ts'
import { unusable } from './scales.ts'

/** Whether the bytes of a scale from an index on are infinite or no number. */
const isBroken = {
  f32: (bytes: Uint8Array, at: number) => (bytes[at + 3]! & 0x7f) === 0x7f && bytes[at + 2]! >= 0x80,
  bf16: (bytes: Uint8Array, at: number) => (bytes[at + 1]! & 0x7f) === 0x7f && bytes[at]! >= 0x80,
  f16: (bytes: Uint8Array, at: number) => (bytes[at + 1]! & 0x7c) === 0x7c,
  f8e4m3: (bytes: Uint8Array, at: number) => (bytes[at]! & 0x7f) === 0x7f,
  /** A power of two (OCP Microscaling Formats 1.0). */
  e8m0: (bytes: Uint8Array, at: number) => bytes[at] === 0xff,
}

export interface StoredScales {
  /** The tensor that they are in, alone or beside elements. */
  readonly tensor: TensorLocation
  readonly type: keyof typeof isBroken
  /** Bytes from a block to the next. */
  readonly stride: number
  /** Bytes from the start of a block to each of its scales. @default [0] */
  readonly at?: readonly number[]
  /** Whether a block has elements, and is no padding. @default all have */
  readonly isUsed?: (block: number) => boolean
}

const bytesPerRead = 4 * 2 ** 20

/** @throws CheckpointError `checkpoint/tensors` that names the first block whose scale is infinite or no number */
export async function verifyScales({
  tensor,
  type,
  stride,
  at = [0],
  isUsed = () => true,
}: StoredScales): Promise<void> {
  const blocks = tensor.bytes / stride
  const perRead = Math.min(blocks, Math.ceil(bytesPerRead / stride))
  await withWeightsFile(tensor.file, async file => {
    const buffer = new Uint8Array(perRead * stride)
    for (let first = 0; first < blocks; first += perRead) {
      const bytes = buffer.subarray(0, Math.min(perRead, blocks - first) * stride)
      await readFully(file, bytes, tensor.offset + first * stride)
      for (const start of at) {
        for (let index = start; index < bytes.length; index += stride) {
          if (!isBroken[type](bytes, index)) continue
          const block = first + Math.floor(index / stride)
          if (isUsed(block)) throw unusable(tensor, 'finite scales', `none in block ${block} of ${blocks}`)
        }
      }
    }
  })
}
