import type { Encoding } from '../graph/encoding.ts'
import type { DType } from '../tensor/dtype.ts'
import type { FileStamp } from './file-stamp.ts'

/** Where the elements of one tensor lie: row-major, little endian, `bytes` = dims × element size. */
export interface TensorLocation {
  /** The tensor's name in the checkpoint, e.g. `blocks.0.attn1.to_q.weight`. */
  readonly key: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Real path (no symbolic links) of the file that holds the elements. */
  readonly file: string
  /** Bytes from the start of the file, at any alignment. */
  readonly offset: number
  readonly bytes: number
  /** Where the bytes are no plain array: dtype and shape are then those of the elements, f32 and as a layer has them. */
  readonly encoding?: Encoding
}

/** What the header of one .safetensors file says. */
export interface SafetensorsFile {
  /** Real path (no symbolic links). */
  readonly path: string
  /** Size of the whole file. */
  readonly bytes: number
  /** By key, in the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorLocation>
  /** The free text pairs of `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>
}

/** A file whose header was read. */
export interface Stamped {
  readonly stamp: FileStamp
}

/** The name of the format that a tensor is stored in. */
export function storedFormat({ dtype, encoding }: Pick<TensorLocation, 'dtype' | 'encoding'>): string {
  return encoding?.name ?? dtype
}

/** Bytes of tensors as they are stored. */
export function storedBytes(tensors: readonly Pick<TensorLocation, 'bytes'>[]): number {
  return tensors.reduce((sum, { bytes }) => sum + bytes, 0)
}
