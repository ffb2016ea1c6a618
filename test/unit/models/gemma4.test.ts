import { describe, expect, test } from 'vitest'
import { gemmaFeeds } from '../../../models/gemma/feeds.ts'
import { gemmaSchema } from '../../../models/gemma/schema.ts'

const text = {
  model_type: 'gemma4_unified_text',
  hidden_size: 64,
  num_hidden_layers: 6,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  sliding_window: 4,
  attention_k_eq_v: true,
}

function read(fields: object) {
  const config = { model_type: 'gemma4_unified', text_config: { ...text, ...fields } }
  return gemmaSchema(config).safeParse(config)
}

describe('the config of Gemma 4', () => {
  test('has full layers as the makers write them, and as transformers 5 saves them', () => {
    const written = read({ global_head_dim: 16, num_global_key_value_heads: 1 }).data!
    const saved = read({ per_layer_config: { 5: { head_dim: 16, num_key_value_heads: 1 } } }).data!
    for (const { layers, kinds } of [written, saved]) {
      expect(layers).toEqual(['sliding', 'sliding', 'sliding', 'sliding', 'sliding', 'full'])
      expect(kinds.full).toMatchObject({ headDim: 16, keyHeads: 1, keysAsValues: true })
      expect(kinds.sliding).toMatchObject({ headDim: 8, keyHeads: 2, keysAsValues: false })
    }
  })

  test('turns a quarter of the channels of full layers, with the frequencies of the whole head', () => {
    const { kinds } = read({ global_head_dim: 16 }).data!
    expect(kinds.full.rope).toEqual({ theta: 1e6, factor: 1, share: 0.25 })
    const feeds = gemmaFeeds(BigInt64Array.of(2n, 5n), 1, read({ global_head_dim: 16 }).data!, 1)
    const angles = Float32Array.from({ length: 8 }, (_, index) => 2 * (index < 2 ? 1e6 ** -(index / 8) : 0))
    const table = feeds['full.sin']!
    expect(table.shape[2]).toBe(8)
    expect([...(table.data as Float32Array)].slice(8, 16)).toEqual(
      [...angles].map(angle => expect.closeTo(Math.sin(angle), 6)),
    )
  })

  test('ends with a full layer, whatever its list says', () => {
    const listed = Array<string>(6).fill('sliding_attention')
    expect(read({ layer_types: listed }).data!.layers.at(-1)).toBe('full')
  })

  test.each([
    [{ num_kv_shared_layers: 2 }, 'num_kv_shared_layers'],
    [{ use_bidirectional_attention: 'all' }, 'use_bidirectional_attention'],
    [{ per_layer_config: { 0: { head_dim: 16 } } }, 'per_layer_config'],
  ])('is refused with %j', (fields, field) => {
    const { error } = read(fields)
    expect(error!.issues[0]!.path).toEqual([field])
  })
})

test('Gemma 4 with towers and inputs by layer is refused by its type', () => {
  const { error } = gemmaSchema({ model_type: 'gemma4' }).safeParse({ model_type: 'gemma4' })
  expect(error!.issues[0]!.path).toEqual(['model_type'])
})
