/** NVFP4: 4-bit floats (E2M1) with an 8-bit scale for every 16 columns and one for the matrix, whatever their order. */
import type { Graph, Value } from '../../graph/graph.ts'
import { cast } from '../../graph/ops/cast.ts'
import { multiply } from '../../graph/ops/elementwise.ts'
import { reshape, unsqueeze } from '../../graph/ops/layout.ts'
import { elementCount } from '../../tensor/dtype.ts'
import type { TensorLocation } from '../tensor-location.ts'
import type { StoredLayer } from './layer-format.ts'
import { codeTable, decodeCodes, floatCodes, type PackedCodes } from './packed-codes.ts'
import { floats, requireFinite, storedAs, unusable } from './scales.ts'

/** Columns that share a scale. */
export const blockColumns = 16

export interface BlockFloats {
  /** u8 [rows, columns / 2] */
  readonly weight: TensorLocation
  /** f8e4m3 */
  readonly scale: TensorLocation
  /** One f32. */
  readonly second: TensorLocation
  /** What a layer's input is multiplied by, column by column; undefined for 1. */
  readonly inputFactors: TensorLocation | undefined
}

/** @throws CheckpointError `checkpoint/tensors` where the scales are missing or of another dtype, or columns are no blocks */
export async function readBlockFloats({ weight, beside }: StoredLayer): Promise<BlockFloats> {
  const [rows, bytes = 0] = weight.shape
  if (weight.dtype !== 'u8' || weight.shape.length !== 2 || (2 * bytes) % blockColumns !== 0) {
    throw unusable(weight, 'u8 of columns in sixteens', storedAs(weight))
  }
  const scale = beside('weight_scale')
  const second = beside('weight_scale_2')
  const inputFactors = beside('pre_quant_scale')
  if (!scale || !second) throw unusable(weight, 'weight_scale and weight_scale_2 beside it', 'not both')
  if (!['f8e4m3', 'u8'].includes(scale.dtype)) throw unusable(scale, 'scales in f8e4m3 or u8', scale.dtype)
  if (second.dtype !== 'f32' || second.bytes !== 4) throw unusable(second, 'one f32', second.dtype)
  await requireFinite(second)
  if (inputFactors) {
    if (!floats.includes(inputFactors.dtype) || elementCount(inputFactors.shape) !== 2 * bytes) {
      const got = `${storedAs(inputFactors)} beside ${rows} rows`
      throw unusable(inputFactors, `floats [${2 * bytes}]`, got)
    }
    await requireFinite(inputFactors)
  }
  return { weight, scale: { ...scale, dtype: 'f8e4m3' }, second, inputFactors }
}

/** The elements in f32 [rows, columns]. @param blocks f32 [rows, columns / 16]: the scales, in the order of the columns */
export function blockFloats(
  graph: Graph,
  key: string,
  parts: BlockFloats & { even: PackedCodes['even']; blocks: Value; after: Value },
): Value {
  const { weight, second, inputFactors, even, blocks, after } = parts
  const [rows, columns] = [weight.shape[0]!, weight.shape[1]! * 2]
  const values = codeTable(graph, floatCodes)
  const elements = decodeCodes(graph, key, { codes: { weight, even }, values, after })
  const grouped = reshape(elements, [rows, columns / blockColumns, blockColumns])
  const scales = multiply(graph.weight(`${key}.scale_2`, second, []), blocks)
  const product = reshape(multiply(grouped, unsqueeze(scales, 2)), [rows, columns])
  if (!inputFactors) return product
  return multiply(product, cast(graph.weight(`${key}.input_factors`, inputFactors, [columns]), 'f32'))
}
