/**
 * NVFP4 as NVIDIA's ModelOpt exports it: as ComfyUI's (see `nvfp4/`), but with the even column in the low half of a byte,
 * scales in rows instead of tiles, no padding, and no marker.
 */
import type { Encoding } from '../../../graph/encoding.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { computedAfter } from '../../../graph/ops/computed-after.ts'
import { blockColumns, blockFloats, readBlockFloats } from '../block-floats.ts'
import type { LayerFormat, StoredLayer } from '../layer-format.ts'
import { unusable } from '../scales.ts'
import { verifyScales } from '../verify-scales.ts'
import { wholeEncoding } from '../whole-encoding.ts'

export const modeloptNvfp4: LayerFormat = {
  markers: [],
  methods: ['modelopt'],
  matches: layer => layer.weight.dtype === 'u8' && hasPlainScales(layer),
  async read(layer) {
    const parts = await readBlockFloats(layer)
    const { weight, scale } = parts
    const [rows, columns] = [weight.shape[0]!, weight.shape[1]! * 2]
    if (!hasPlainScales(layer))
      throw unusable(scale, `scales of [${rows}, ${columns / blockColumns}]`, 'others')
    const decode: Encoding['decode'] = (graph, key, after) => {
      const blocks = cast(computedAfter(graph.weight(`${key}.scale`, scale), after), 'f32')
      return blockFloats(graph, key, { ...parts, even: 'low', blocks, after })
    }
    const encoding = wholeEncoding({
      name: 'NVFP4 (ModelOpt)',
      decode,
      verify: () => verifyScales({ tensor: scale, type: 'f8e4m3', stride: 1 }),
    })
    return { ...weight, dtype: 'f32', shape: [rows, columns], encoding }
  },
}

function hasPlainScales({ weight, beside }: StoredLayer): boolean {
  const scale = beside('weight_scale')
  const [rows, bytes = 0] = weight.shape
  const plain = `${scale?.shape}` === `${[rows, (2 * bytes) / blockColumns]}`
  return plain && beside('weight_scale_2') !== undefined
}
