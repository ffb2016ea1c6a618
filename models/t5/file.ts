/** T5 and UMT5 encoders of single files, in the names of transformers, of Wan's makers and of llama.cpp. */
import type { FilePart, PartTensors } from '../../src/pipeline/family.ts'
import { ggufTokenizer, sentencePieceModel } from '../../src/text/tokenizer-source.ts'
import { readTensor } from '../../src/weights/read-tensor.ts'
import { layerCount, type Renames, renameTensors } from '../../src/weights/rename-tensors.ts'

const names: Renames = [
  // llama.cpp's converter (`gguf-py/gguf/tensor_mapping.py`)
  [/^token_embd\./, 'shared.'],
  [/^enc\.output_norm\./, 'encoder.final_layer_norm.'],
  [/^enc\.blk\.(\d+)\.attn_rel_b\./, 'encoder.block.$1.layer.0.SelfAttention.relative_attention_bias.'],
  [/^enc\.blk\.(\d+)\.attn_norm\./, 'encoder.block.$1.layer.0.layer_norm.'],
  [/^enc\.blk\.(\d+)\.attn_([qkvo])\./, 'encoder.block.$1.layer.0.SelfAttention.$2.'],
  [/^enc\.blk\.(\d+)\.ffn_gate\./, 'encoder.block.$1.layer.1.DenseReluDense.wi_0.'],
  [/^enc\.blk\.(\d+)\.ffn_up\./, 'encoder.block.$1.layer.1.DenseReluDense.wi_1.'],
  [/^enc\.blk\.(\d+)\.ffn_down\./, 'encoder.block.$1.layer.1.DenseReluDense.wo.'],
  [/^enc\.blk\.(\d+)\.ffn_norm\./, 'encoder.block.$1.layer.1.layer_norm.'],
  // Wan's own code (`wan/modules/t5.py`)
  [/^token_embedding\./, 'shared.'],
  [/^norm\./, 'encoder.final_layer_norm.'],
  [
    /^blocks\.(\d+)\.pos_embedding\.embedding\./,
    'encoder.block.$1.layer.0.SelfAttention.relative_attention_bias.',
  ],
  [/^blocks\.(\d+)\.norm1\./, 'encoder.block.$1.layer.0.layer_norm.'],
  [/^blocks\.(\d+)\.norm2\./, 'encoder.block.$1.layer.1.layer_norm.'],
  [/^blocks\.(\d+)\.attn\.([qkvo])\./, 'encoder.block.$1.layer.0.SelfAttention.$2.'],
  [/^blocks\.(\d+)\.ffn\.gate\.0\./, 'encoder.block.$1.layer.1.DenseReluDense.wi_0.'],
  [/^blocks\.(\d+)\.ffn\.fc1\./, 'encoder.block.$1.layer.1.DenseReluDense.wi_1.'],
  [/^blocks\.(\d+)\.ffn\.fc2\./, 'encoder.block.$1.layer.1.DenseReluDense.wo.'],
]

/** Tensors that bring the tokenizer along. */
const packed = 'spiece_model'

/** The encoder that tensors are: UMT5 where every block has position biases, T5 where the first alone has. */
export function t5Part({ file, tensors: stored }: PartTensors): FilePart | undefined {
  const model = stored.get(packed)
  const tensors = renameTensors(stored, names)
  tensors.delete(packed)
  const at = (key: string) => tensors.get(key)?.shape
  const bias = 'layer.0.SelfAttention.relative_attention_bias.weight'
  const table = at('shared.weight') ?? at('encoder.embed_tokens.weight')
  const heads = at(`encoder.block.0.${bias}`)?.[1]
  const query = at('encoder.block.0.layer.0.SelfAttention.q.weight')
  const gate = at('encoder.block.0.layer.1.DenseReluDense.wi_0.weight')
  if (!table || !heads || !query || !gate) return undefined
  const layers = layerCount(tensors.keys(), /^encoder\.block\.(\d+)\./)
  const everyLayer = tensors.has(`encoder.block.${layers - 1}.${bias}`)
  const tokenizer = model
    ? sentencePieceModel(`${file.path}: ${packed}`, async () => (await readTensor(model)).data as Uint8Array)
    : ggufTokenizer(file.path, file.values)
  return {
    component: 'text_encoder',
    listed: ['transformers', everyLayer ? 'UMT5EncoderModel' : 'T5EncoderModel'],
    config: {
      model_type: everyLayer ? 'umt5' : 't5',
      vocab_size: table[0],
      d_model: table[1],
      d_kv: query[0]! / heads,
      d_ff: gate[0],
      num_layers: layers,
      num_heads: heads,
      feed_forward_proj: 'gated-gelu',
    },
    tensors,
    ...(tokenizer && { tokenizer }),
  }
}
