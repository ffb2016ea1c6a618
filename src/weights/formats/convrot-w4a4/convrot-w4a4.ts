/**
 * ComfyUI's `convrot_w4a4`: signed integers of 4 bits, the even column in the low half of a byte, times a scale of their
 * row, with rotated columns (comfy-kitchen, `backends/eager/convrot_w4a4.py`).
 */

import type { Encoding } from '../../../graph/encoding.ts'
import { multiply } from '../../../graph/ops/elementwise.ts'
import type { LayerFormat } from '../layer-format.ts'
import { codeTable, decodeCodes, signedCodes } from '../packed-codes.ts'
import { rotationSize, unrotated } from '../rotation.ts'
import { columnOf, packedMatrix, unusable } from '../scales.ts'
import { wholeEncoding } from '../whole-encoding.ts'

export const convrotW4a4: LayerFormat = {
  markers: ['convrot_w4a4'],
  matches: () => false,
  async read(layer) {
    const { weight, beside } = layer
    const [rows, columns] = packedMatrix(weight)
    const scale = beside('weight_scale')
    if (!scale) throw unusable(weight, 'a tensor weight_scale beside it', 'none')
    const scales = await columnOf(scale, rows)
    const group = rotationSize(layer, columns)
    const decode: Encoding['decode'] = (graph, key, after) => {
      const table = codeTable(graph, signedCodes)
      const codes = decodeCodes(graph, key, { codes: { weight, even: 'low' }, values: table, after })
      return unrotated(multiply(codes, graph.weight(`${key}.scale`, scales)), group)
    }
    const encoding = wholeEncoding({ name: 'int4 ConvRot', decode })
    return { ...weight, dtype: 'f32', shape: [rows, columns], encoding }
  },
}
