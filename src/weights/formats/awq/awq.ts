/**
 * ComfyUI's `awq_w4a16`: codes of 4 bits that count from −8, the even column in the low half of a byte, times a scale of
 * their group of columns, plus an offset of it (comfy-kitchen, `backends/eager/awq.py`).
 */
import type { Encoding } from '../../../graph/encoding.ts'
import type { Graph, Value } from '../../../graph/graph.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { computedAfter } from '../../../graph/ops/computed-after.ts'
import { add, multiply } from '../../../graph/ops/elementwise.ts'
import { reshape, transpose, unsqueeze } from '../../../graph/ops/layout.ts'
import type { TensorLocation } from '../../tensor-location.ts'
import type { LayerFormat } from '../layer-format.ts'
import { codeTable, decodeCodes, offsetCodes } from '../packed-codes.ts'
import { floats, packedMatrix, requireFinite, storedAs, unusable } from '../scales.ts'
import { wholeEncoding } from '../whole-encoding.ts'

export const awq: LayerFormat = {
  markers: ['awq_w4a16'],
  matches: () => false,
  async read({ weight, beside }) {
    const [rows, columns] = packedMatrix(weight)
    const scale = beside('weight_scale')
    const zero = beside('weight_zeros', 'weight_zero')
    if (!scale || !zero) throw unusable(weight, 'weight_scale and weight_zeros beside it', 'not both')
    const groups = scale.shape[0] ?? 0
    for (const each of [scale, zero]) {
      const whole = `${each.shape}` === `${[groups, rows]}` && groups > 0 && columns % groups === 0
      if (!whole || !floats.includes(each.dtype)) {
        const expected = `floats [groups of ${columns} columns, ${rows}]`
        throw unusable(each, expected, storedAs(each))
      }
      await requireFinite(each)
    }
    const perGroup = (graph: Graph, key: string, stored: TensorLocation, after: Value) =>
      unsqueeze(transpose(cast(computedAfter(graph.weight(key, stored), after), 'f32'), [1, 0]), 2) // [rows, groups, 1]
    const decode: Encoding['decode'] = (graph, key, after) => {
      const values = codeTable(graph, offsetCodes)
      const codes = decodeCodes(graph, key, { codes: { weight, even: 'low' }, values, after })
      const grouped = reshape(codes, [rows, groups, columns / groups])
      const product = multiply(grouped, perGroup(graph, `${key}.scale`, scale, after))
      return reshape(add(product, perGroup(graph, `${key}.zero`, zero, after)), [rows, columns])
    }
    const encoding = wholeEncoding({ name: 'AWQ', decode })
    return { ...weight, dtype: 'f32', shape: [rows, columns], encoding }
  },
}
