import type { TokenizerConfig } from './tokenizer-config.ts'
import type { PartConfig, TokenizerJson } from './tokenizer-json.ts'

/**
 * The tokenizer that transformers 5 makes of a folder, which is what diffusers' pipelines use. For T5's class it
 * takes the vocabulary and the compiled normalization table from tokenizer.json, and its own rules for the rest:
 * words are what stands between whitespace, each with a ▁ in front, and `</s>` closes the sequence
 * (transformers, models/t5/tokenization_t5.py). Other classes are read as the file says.
 */
export function asTransformersReads(json: TokenizerJson, config: TokenizerConfig): TokenizerJson {
  if (!/^T5Tokenizer(Fast)?$/.test(config.tokenizer_class ?? '')) return json
  return {
    ...json,
    normalizer: charsmapIn(json.normalizer),
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'WhitespaceSplit' },
        { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      ],
    },
    post_processor: closedBy('</s>'),
    model: { ...json.model, unk_id: 2, byte_fallback: false },
  }
}

function charsmapIn(normalizer: PartConfig | null): PartConfig | null {
  const parts = normalizer?.type === 'Sequence' ? (normalizer.normalizers ?? []) : [normalizer]
  return parts.find(part => part?.type === 'Precompiled') ?? null
}

function closedBy(token: string): PartConfig {
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } })
  const end = { SpecialToken: { id: token, type_id: 0 } }
  return {
    type: 'TemplateProcessing',
    single: [sequence('A'), end],
    pair: [sequence('A'), end, sequence('B'), end],
  }
}
