import type { Graph, Value } from '../../graph/graph.ts'
import { computedAfter } from '../../graph/ops/computed-after.ts'
import { reshape, slice, transpose } from '../../graph/ops/layout.ts'
import type { DType } from '../../tensor/dtype.ts'
import type { TensorLocation } from '../tensor-location.ts'
import { storedAs, unusable } from './scales.ts'

/** Rows and columns of scales in a tile of cuBLAS's layout for block-scaled matrices. */
const tile = { rows: 128, columns: 4 } as const

const tileSize = tile.rows * tile.columns

const upTo = (value: number, multiple: number) => Math.ceil(value / multiple) * multiple

/** @throws CheckpointError where the scales of [rows, columns] are not stored in whole tiles */
export function checkTiled(
  scale: TensorLocation,
  dtypes: readonly DType[],
  rows: number,
  columns: number,
): void {
  const shape = [upTo(rows, tile.rows), upTo(columns, tile.columns)]
  const same = scale.shape.length === 2 && shape.every((dim, axis) => dim === scale.shape[axis])
  if (same && dtypes.includes(scale.dtype)) return
  const expected = `${dtypes.join(' or ')} [${shape.join(', ')}]`
  throw unusable(scale, expected, storedAs(scale))
}

/** Whether the scale at an index of the tiles is one of [rows, columns], and no padding. */
export function isInTiles(scale: TensorLocation, rows: number, columns: number): (index: number) => boolean {
  const across = scale.shape[1]! / tile.columns
  return index => {
    const [number, within] = [Math.floor(index / tileSize), index % tileSize]
    const row = Math.floor(number / across) * tile.rows + ((within >> 2) % 4) * 32 + (within >> 4)
    const column = (number % across) * tile.columns + (within % tile.columns)
    return row < rows && column < columns
  }
}

/**
 * Scales out of their tiles, in f32 [rows, columns]: within a tile the row counts by 32 first, then by fours of columns.
 * @param toFloat the f32 values of what is stored
 */
export function untiled(
  graph: Graph,
  { key, scale, rows, columns }: { key: string; scale: TensorLocation; rows: number; columns: number },
  after: Value,
  toFloat: (stored: Value) => Value,
): Value {
  const [storedRows, storedColumns] = scale.shape as [number, number]
  const tiles = [storedRows / tile.rows, storedColumns / tile.columns] as const
  const stored = computedAfter(graph.weight(key, scale, [...tiles, 32, 4, 4]), after)
  const ordered = transpose(toFloat(stored), [0, 3, 2, 1, 4]) // [row tiles, 4, 32, column tiles, 4]
  const whole = reshape(ordered, [storedRows, storedColumns])
  return slice(slice(whole, 0, 0, rows), 1, 0, columns)
}
