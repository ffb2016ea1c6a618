import { CheckpointError } from '../../errors.ts'
import { readTensor } from '../read-tensor.ts'
import type { TensorLocation } from '../tensor-location.ts'
import { toFloat32 } from '../to-float32.ts'

/**
 * The scales of a matrix as a graph takes them: [] of one for all, or [rows] of one a row.
 * @throws CheckpointError `checkpoint/tensors` for another shape or dtype, and for scales that are no finite number
 */
export async function rowScales(scale: TensorLocation, rows: number): Promise<TensorLocation> {
  const { shape } = scale
  const one = shape.every(dim => dim === 1) && shape.length <= 2
  const perRow = shape[0] === rows && (shape.length === 1 || (shape.length === 2 && shape[1] === 1))
  if (scale.dtype !== 'f32') throw unusable(scale, 'scales in f32', scale.dtype)
  if (!one && !perRow) {
    throw unusable(scale, `one scale, or one for each of ${rows} rows`, `shape [${shape.join(', ')}]`)
  }
  await requireFinite(scale)
  return { ...scale, shape: one ? [] : [rows] }
}

/** @throws CheckpointError `checkpoint/tensors` where an element is infinite or no number */
export async function requireFinite(scale: TensorLocation): Promise<void> {
  const { data } = toFloat32(await readTensor(scale))
  const wrong = data.find(value => !Number.isFinite(value))
  if (wrong !== undefined) throw unusable(scale, 'finite scales', String(wrong))
}

/** An error about a tensor of a quantised layer. */
export function unusable({ file, key }: TensorLocation, expected: string, got: string): CheckpointError {
  return new CheckpointError('checkpoint/tensors', {
    subject: `${file}: ${key}`,
    expected,
    got,
    advice: 'Download the file again, or use another one of the same model.',
  })
}
