/** Language models as llama.cpp's converter writes them: its names, and the tokenizer in the header. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import type { GgufText } from '../gguf-writer.ts'

type Pairs = readonly (readonly [RegExp, string])[]

const layers: Pairs = [
  [/^layers\.(\d+)\.self_attn\.([qk])_norm\./, 'blk.$1.attn_$2_norm.'],
  [/^layers\.(\d+)\.self_attn\.([qkv])_proj\./, 'blk.$1.attn_$2.'],
  [/^layers\.(\d+)\.self_attn\.o_proj\./, 'blk.$1.attn_output.'],
  [/^layers\.(\d+)\.mlp\.(gate|up|down)_proj\./, 'blk.$1.ffn_$2.'],
  [/^layers\.(\d+)\.input_layernorm\./, 'blk.$1.attn_norm.'],
  [/^embed_tokens\./, 'token_embd.'],
  [/^norm\./, 'output_norm.'],
]

const norms = {
  qwen2vl: [[/^layers\.(\d+)\.post_attention_layernorm\./, 'blk.$1.ffn_norm.']],
  gemma3: [
    [/^layers\.(\d+)\.post_attention_layernorm\./, 'blk.$1.post_attention_norm.'],
    [/^layers\.(\d+)\.pre_feedforward_layernorm\./, 'blk.$1.ffn_norm.'],
    [/^layers\.(\d+)\.post_feedforward_layernorm\./, 'blk.$1.post_ffw_norm.'],
  ],
} satisfies Record<string, Pairs>

/** The tensors of a language model, by their names below its root; Gemma's norms are stored with the 1 that they are added to. */
export function llamaTensors(
  tensors: ReadonlyMap<string, Tensor>,
  root: string,
  kind: keyof typeof norms,
): Map<string, Tensor> {
  const own = [...tensors].filter(([key]) => key.startsWith(root))
  return new Map(
    own.map(([key, each]) => {
      const name = [...layers, ...norms[kind]].reduce(
        (rest, [from, to]) => rest.replace(from, to),
        key.slice(root.length),
      )
      const plus = kind === 'gemma3' && name.endsWith('norm.weight')
      return [
        name,
        plus
          ? tensor(
              'f32',
              each.shape,
              (each.data as Float32Array).map(value => value + 1),
            )
          : each,
      ]
    }),
  )
}

interface Stored {
  readonly added_tokens: readonly { id: number; content: string }[]
  readonly model: { vocab: Record<string, number>; merges: readonly [string, string][] }
}

/** A tokenizer.json as llama.cpp keeps it: scores for Gemma, merges for Qwen. */
export function llamaTokenizer(folder: string, kind: keyof typeof norms): GgufText {
  const { added_tokens, model } = JSON.parse(
    readFileSync(path.join(folder, 'tokenizer.json'), 'utf8'),
  ) as Stored
  const ids = new Map([
    ...Object.entries(model.vocab),
    ...added_tokens.map(each => [each.content, each.id] as const),
  ])
  const texts = [...ids].sort((a, b) => a[1] - b[1]).map(([text]) => text)
  const added = new Set(added_tokens.map(({ content }) => content))
  const ranks = new Map(model.merges.map(([left, right], rank) => [left + right, rank]))
  const common = {
    'general.architecture': kind,
    'tokenizer.ggml.tokens': texts,
    'tokenizer.ggml.token_type': texts.map(text => (text === '<unk>' ? 2 : added.has(text) ? 3 : 1)),
  }
  if (kind === 'gemma3') {
    return {
      ...common,
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.scores': texts.map(text => -(ranks.get(text) ?? 1e5)),
      'tokenizer.ggml.bos_token_id': 2,
      'tokenizer.ggml.padding_token_id': 0,
      'tokenizer.ggml.unknown_token_id': 3,
    }
  }
  return {
    ...common,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'qwen2',
    'tokenizer.ggml.merges': model.merges.map(pair => pair.join(' ')),
    'tokenizer.ggml.padding_token_id': texts.indexOf('<|endoftext|>'),
  }
}
