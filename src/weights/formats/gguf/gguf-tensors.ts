import type { Encoding } from '../../../graph/encoding.ts'
import { computedAfter } from '../../../graph/ops/computed-after.ts'
import { gather, reshape } from '../../../graph/ops/layout.ts'
import { elementCount } from '../../../tensor/dtype.ts'
import { rowRange } from '../../row-range.ts'
import type { TensorLocation } from '../../tensor-location.ts'
import { verifyScales } from '../verify-scales.ts'
import type { BlockType } from './block-types.ts'

/** Where the blocks of a tensor lie. */
export type BlockLocation = Pick<TensorLocation, 'key' | 'shape' | 'file' | 'offset' | 'bytes'>

/** A tensor of blocks, whose rows are whole blocks. */
export function blockTensor(location: BlockLocation, type: BlockType): TensorLocation {
  return { ...location, dtype: 'f32', encoding: encodingOf(location, type) }
}

function encodingOf(location: BlockLocation, type: BlockType): Encoding {
  const width = location.shape.at(-1)!
  const blocks = width / type.elements
  const rows = elementCount(location.shape) / width
  const bytes = { ...location, dtype: 'u8' as const }
  return {
    name: type.name,
    decode(graph, key, after) {
      const stored = graph.weight(key, bytes, [rows, blocks, type.bytes])
      return reshape(type.decode(computedAfter(stored, after)), [...location.shape])
    },
    rows(graph, key, ids) {
      const found = gather(graph.weight(key, bytes, [rows, blocks, type.bytes]), ids, 0)
      return reshape(type.decode(found), [...ids.shape.map(() => '=' as const), width])
    },
    // Rows of more than two axes are not those of the blocks.
    ...(location.shape.length === 2 && {
      part: (first, count) => encodingOf(rowRange(location, first, count), type),
    }),
    verify: () => verifyScales({ tensor: bytes, type: 'f16', stride: type.bytes, at: type.scales }),
  }
}
