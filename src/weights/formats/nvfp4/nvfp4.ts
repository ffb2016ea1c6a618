/**
 * NVFP4 in ComfyUI's order: the even column is in the high half of a byte, scales are in tiles, and rows and columns are
 * padded to 16 (comfy-kitchen, `comfy/quant_ops.py`).
 */
import type { Encoding } from '../../../graph/encoding.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { blockColumns, blockFloats, readBlockFloats } from '../block-floats.ts'
import type { LayerFormat } from '../layer-format.ts'
import { unusable } from '../scales.ts'
import { checkTiled, isInTiles, untiled } from '../tiled-scales.ts'
import { verifyScales } from '../verify-scales.ts'
import { wholeEncoding } from '../whole-encoding.ts'

const padding = 16

export const nvfp4: LayerFormat = {
  markers: ['nvfp4'],
  matches: ({ weight, beside }) => weight.dtype === 'u8' && beside('weight_scale_2') !== undefined,
  async read(layer) {
    const parts = await readBlockFloats(layer)
    const { weight, scale } = parts
    const [rows, columns] = [weight.shape[0]!, weight.shape[1]! * 2]
    if (rows % padding !== 0) throw unusable(weight, 'rows in sixteens', `${rows} rows`)
    checkTiled(scale, ['f8e4m3'], rows, columns / blockColumns)
    const decode: Encoding['decode'] = (graph, key, after) => {
      const place = { key: `${key}.scale`, scale, rows, columns: columns / blockColumns }
      const blocks = untiled(graph, place, after, stored => cast(stored, 'f32'))
      return blockFloats(graph, key, { ...parts, even: 'high', blocks, after })
    }
    const encoding = wholeEncoding({
      name: 'NVFP4',
      padding,
      decode,
      verify: () =>
        verifyScales({
          tensor: scale,
          type: 'f8e4m3',
          stride: 1,
          isUsed: isInTiles(scale, rows, columns / blockColumns),
        }),
    })
    return { ...weight, dtype: 'f32', shape: [rows, columns], encoding }
  },
}
