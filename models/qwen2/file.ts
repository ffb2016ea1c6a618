/** The language model of Qwen2.5-VL of single files, in the names of transformers and of llama.cpp. */
import type { FilePart, PartTensors } from '../../src/pipeline/family.ts'
import { ggufTokenizer } from '../../src/text/tokenizer-source.ts'
import { layerCount, type Renames, renameTensors } from '../../src/weights/rename-tensors.ts'
import { qwen25Vl7b } from './config.ts'

/** llama.cpp's converter (`gguf-py/gguf/tensor_mapping.py`). */
const llamaNames: Renames = [
  [/^token_embd\./, 'model.embed_tokens.'],
  [/^output_norm\./, 'model.norm.'],
  [/^output\./, 'lm_head.'],
  [/^blk\.(\d+)\.attn_norm\./, 'model.layers.$1.input_layernorm.'],
  [/^blk\.(\d+)\.ffn_norm\./, 'model.layers.$1.post_attention_layernorm.'],
  [/^blk\.(\d+)\.attn_([qkv])\./, 'model.layers.$1.self_attn.$2_proj.'],
  [/^blk\.(\d+)\.attn_output\./, 'model.layers.$1.self_attn.o_proj.'],
  [/^blk\.(\d+)\.ffn_(gate|up|down)\./, 'model.layers.$1.mlp.$2_proj.'],
]

const roots = ['', 'model.', 'language_model.', 'model.language_model.'] as const

/** Channels of a head of every published model. */
const headDim = 128

/** The language model that tensors are: queries have biases, and norms neither queries nor keys. */
export function qwen2Part({ file, tensors: stored, config }: PartTensors): FilePart | undefined {
  const tensors = renameTensors(stored, llamaNames)
  const root = roots.find(each => tensors.has(`${each}embed_tokens.weight`))
  if (root === undefined) return undefined
  const at = (key: string) => tensors.get(`${root}${key}`)?.shape
  const layer = 'layers.0.self_attn'
  const [table, query, keys] = [
    at('embed_tokens.weight'),
    at(`${layer}.q_proj.bias`),
    at(`${layer}.k_proj.bias`),
  ]
  const hidden = at('layers.0.mlp.gate_proj.weight')
  if (!table || !query || !keys || !hidden || at(`${layer}.q_norm.weight`)) return undefined
  const layers = layerCount(tensors.keys(), new RegExp(`^${root.replaceAll('.', '\\.')}layers\\.(\\d+)\\.`))
  const said = writtenFor(config, { hidden_size: table[1]!, num_hidden_layers: layers })
  const heads = typeof said.num_attention_heads === 'number' ? said.num_attention_heads : query[0]! / headDim
  const tokenizer = ggufTokenizer(file.path, file.values)
  return {
    component: 'text_encoder',
    listed: ['transformers', 'Qwen2_5_VLTextModel'],
    config: {
      model_type: qwen25Vl7b.model_type,
      rms_norm_eps: qwen25Vl7b.rms_norm_eps,
      rope_theta: qwen25Vl7b.rope_theta,
      ...said,
      vocab_size: table[0],
      hidden_size: table[1],
      intermediate_size: hidden[0],
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: (keys[0]! * heads) / query[0]!,
    },
    tensors,
    ...(tokenizer && { tokenizer }),
  }
}

/** The text model's config beside the file, where its sizes are those of the tensors. */
function writtenFor(
  config: PartTensors['config'],
  sizes: Readonly<Record<string, number>>,
): Readonly<Record<string, unknown>> {
  const own = (config?.text_config ?? config) as PartTensors['config']
  return own && Object.entries(sizes).every(([name, size]) => own[name] === size) ? own : {}
}
