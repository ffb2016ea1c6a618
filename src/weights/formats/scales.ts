/** Scales of quantised weights: one for a whole tensor, one a row, or one for each block of rows and columns. */

import { CheckpointError } from '../../errors.ts'
import type { Graph, Value } from '../../graph/graph.ts'
import { cast } from '../../graph/ops/cast.ts'
import { computedAfter, reshapeDecoded } from '../../graph/ops/computed-after.ts'
import { multiply } from '../../graph/ops/elementwise.ts'
import { gather, reshape, unsqueeze } from '../../graph/ops/layout.ts'
import { dequantize } from '../../graph/ops/quantization.ts'
import { type DType, elementCount } from '../../tensor/dtype.ts'
import { tensor } from '../../tensor/tensor.ts'
import { readTensor } from '../read-tensor.ts'
import type { TensorLocation } from '../tensor-location.ts'
import { toFloat32 } from '../to-float32.ts'

/** The scales of a weight, which its elements are multiplied by. */
export interface Scales {
  /** In a float type: [] for all elements, [rows], or [row blocks, column blocks]. */
  readonly stored: TensorLocation
  /** Rows and columns that share a scale, of blocks. */
  readonly block?: readonly [rows: number, columns: number]
}

/** Dtypes that scales and offsets are stored in. */
export const floats: readonly DType[] = ['f32', 'bf16', 'f16']

/**
 * The scales of a weight, by their shape; axes of 1 may be missing or be there.
 * @param shape of the weight
 * @throws CheckpointError `checkpoint/tensors` for a shape that fits no blocks, another dtype, and for scales that are no
 *   finite number
 */
export async function readScales(scale: TensorLocation, shape: readonly number[]): Promise<Scales> {
  if (!floats.includes(scale.dtype)) throw unusable(scale, `scales in ${floats.join(' or ')}`, scale.dtype)
  const [rows = 1, ...rest] = shape
  const dims = [...scale.shape]
  while (dims.at(-1) === 1) dims.pop()
  const layout = (): Scales | undefined => {
    if (dims.length === 0) return { stored: { ...scale, shape: [] } }
    if (dims.length === 1 && dims[0] === rows) return { stored: { ...scale, shape: [rows] } }
    if (rest.length !== 1 || dims.length > 2) return undefined
    const [rowBlocks, columnBlocks = 1] = dims as [number, number?]
    const block = [blockOf(rows, rowBlocks), blockOf(rest[0]!, columnBlocks)] as const
    if (!block[0] || !block[1]) return undefined
    return { stored: { ...scale, shape: [rowBlocks, columnBlocks] }, block: [block[0], block[1]] }
  }
  const found = layout()
  if (!found) {
    const expected = `one scale, one for each of ${rows} rows, or one for each block of [${shape.join(', ')}]`
    throw unusable(scale, expected, `shape [${scale.shape.join(', ')}]`)
  }
  await requireFinite(scale)
  return found
}

/** The size that fp8 blocks have in DeepSeek's and transformers' files (`weight_block_size`); the last may be smaller. */
const usualBlock = 128

/** Entries of an axis that share a scale; undefined where an axis has no such number of blocks. */
function blockOf(dim: number, blocks: number): number | undefined {
  const whole = dim % blocks === 0 ? dim / blocks : undefined
  if (whole !== undefined && Number.isInteger(Math.log2(whole))) return whole
  return Math.ceil(dim / usualBlock) === blocks ? usualBlock : whole
}

/** q · scale in f32, for q of f8e4m3, f8e5m2 or i8 in the weight's shape. @param after what q is computed after */
export function scaled(
  q: Value,
  { key, scales, after }: { key: string; scales: Scales | undefined; after: Value },
): Value {
  const { graph } = q
  const values = elementScales(graph, key, scales)
  if (!scales?.block) return dequantize(q, values)
  const rows = Number(q.shape[0])
  const blocks = computedAfter(values, after)
  const every = gather(blocks, blockNumbers(graph, rows, scales.block[0]), 0) // [rows, column blocks]
  return timesColumns(cast(q, 'f32'), every, scales.block[1])
}

/** Values of rows [...ids, columns] in f32 times the scales of these rows. */
export function scaledRows(values: Value, ids: Value, key: string, scales: Scales | undefined): Value {
  if (!scales) return values
  const { graph } = values
  const stored = scaleValues(graph, key, scales)
  if (stored.shape.length === 0) return multiply(values, stored)
  if (!scales.block) return multiply(values, unsqueeze(gather(stored, ids, 0), ids.shape.length))
  const [blockRows, blockColumns] = scales.block
  const rows = Number(scales.stored.shape[0]) * blockRows
  const numbers = gather(blockNumbers(graph, rows, blockRows), ids, 0) // [...ids]
  return timesColumns(values, gather(stored, numbers, 0), blockColumns)
}

/** The scales in f32, 1 for all elements where there are none. */
export function elementScales(graph: Graph, key: string, scales: Scales | undefined): Value {
  return scales ? scaleValues(graph, key, scales) : graph.constant(tensor('f32', [], Float32Array.of(1)))
}

function scaleValues(graph: Graph, key: string, { stored }: Scales): Value {
  return cast(graph.weight(`${key}.scale`, stored), 'f32')
}

/** i64 [count]: the block that each entry of an axis is in. */
function blockNumbers(graph: Graph, count: number, block: number): Value {
  return graph.ints(Array.from({ length: count }, (_, index) => Math.floor(index / block)))
}

/** Values [..., columns] times scales [..., column blocks]. */
function timesColumns(values: Value, scales: Value, block: number): Value {
  const columns = Number(values.shape.at(-1))
  const blocks = Number(scales.shape.at(-1))
  if (blocks === 1) return multiply(values, scales)
  const leading = values.shape.slice(0, -1).map(() => '=' as const)
  if (blocks * block === columns) {
    const grouped = reshapeDecoded(values, [...leading, blocks, block]) // [..., blocks, block]
    return reshape(multiply(grouped, unsqueeze(scales, leading.length + 1)), [...leading, columns])
  }
  return multiply(values, gather(scales, blockNumbers(values.graph, columns, block), leading.length))
}

/** @throws CheckpointError `checkpoint/tensors` where an element is infinite or no number */
export async function requireFinite(scale: TensorLocation): Promise<void> {
  const { data } = toFloat32(await readTensor(scale))
  const wrong = data.find(value => !Number.isFinite(value))
  if (wrong !== undefined) throw unusable(scale, 'finite scales', String(wrong))
}

/**
 * Scales of one for each row, as a column.
 * @throws CheckpointError `checkpoint/tensors` for another number of them, another dtype, and where one is not finite
 */
export async function columnOf(scale: TensorLocation, rows: number): Promise<TensorLocation> {
  if (scale.dtype !== 'f32' || elementCount(scale.shape) !== rows) {
    throw unusable(scale, `f32 [${rows}]`, storedAs(scale))
  }
  await requireFinite(scale)
  return { ...scale, shape: [rows, 1] }
}

/** Rows and columns of a matrix of two elements in a byte. @throws CheckpointError `checkpoint/tensors` for no matrix */
export function packedMatrix(weight: TensorLocation): readonly [rows: number, columns: number] {
  const [rows, bytes] = weight.shape
  const isBytes = weight.dtype === 'i8' || weight.dtype === 'u8'
  if (isBytes && weight.shape.length === 2 && rows && bytes) return [rows, 2 * bytes]
  throw unusable(weight, 'a matrix of bytes', storedAs(weight))
}

/** A tensor's dtype and shape, as errors name them. */
export function storedAs({ dtype, shape }: TensorLocation): string {
  return `${dtype} [${shape.join(', ')}]`
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
