/** Gemma 3 and Gemma 4 of single files: in the names of transformers and ComfyUI, as Lightricks packs it, and in those of llama.cpp. */
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import type { FilePart, PartTensors } from '../../src/pipeline/family.ts'
import {
  ggufTokenizer,
  packedTokenizer,
  sentencePieceModel,
  type TokenizerSource,
} from '../../src/text/tokenizer-source.ts'
import { wholeEncoding } from '../../src/weights/formats/whole-encoding.ts'
import { readTensor } from '../../src/weights/read-tensor.ts'
import { layerCount, type Renames, renameTensors } from '../../src/weights/rename-tensors.ts'
import type { TensorLocation } from '../../src/weights/tensor-location.ts'
import { gemma3Of12B } from './gemma3.ts'

/** llama.cpp's converter (`gguf-py/gguf/tensor_mapping.py`). */
const llamaNames: Renames = [
  [/^token_embd\./, 'model.embed_tokens.'],
  [/^output_norm\./, 'model.norm.'],
  [/^blk\.(\d+)\.attn_norm\./, 'model.layers.$1.input_layernorm.'],
  [/^blk\.(\d+)\.post_attention_norm\./, 'model.layers.$1.post_attention_layernorm.'],
  [/^blk\.(\d+)\.ffn_norm\./, 'model.layers.$1.pre_feedforward_layernorm.'],
  [/^blk\.(\d+)\.post_ffw_norm\./, 'model.layers.$1.post_feedforward_layernorm.'],
  [/^blk\.(\d+)\.attn_([qk])_norm\./, 'model.layers.$1.self_attn.$2_norm.'],
  [/^blk\.(\d+)\.attn_([qkv])\./, 'model.layers.$1.self_attn.$2_proj.'],
  [/^blk\.(\d+)\.attn_output\./, 'model.layers.$1.self_attn.o_proj.'],
  [/^blk\.(\d+)\.ffn_(gate|up|down)\./, 'model.layers.$1.mlp.$2_proj.'],
]

/** Tensors of bytes that bring files of the model along (ComfyUI, Lightricks' `gemma_assets.py`). */
const packed = { model: 'spiece_model', json: 'tokenizer_json', asset: 'hf_asset__' }

/** Header text with the JSON of transformers' config (Lightricks' `gemma_assets.py`). */
const configText = 'gemma_config'

const roots = ['model', 'language_model.model', 'model.language_model'] as const

/** The language model that tensors are, with its tokenizer where the file brings it along. */
export function gemmaPart({ file, tensors: stored, config }: PartTensors): FilePart | undefined {
  const llama = stored.has('token_embd.weight')
  // Other models of llama.cpp have these names, too, and norms of another kind.
  if (llama && (file.values.get('general.architecture') ?? 'gemma3') !== 'gemma3') return undefined
  const tensors = llama ? withoutOne(renameTensors(stored, llamaNames)) : new Map(stored)
  const root = roots.find(each => tensors.has(`${each}.embed_tokens.weight`))
  const sizes = root === undefined ? undefined : sizesOf(tensors, root)
  if (root === undefined || !sizes) return undefined
  const tokenizer = tokenizerIn(tensors, file)
  for (const key of tensors.keys()) {
    if (key === packed.model || key === packed.json || key.startsWith(packed.asset)) tensors.delete(key)
  }
  const scaled = tensors.has(`${root}.layers.0.layer_scalar`)
  const counted = { ...sizes, ...(scaled && fullLayersOf(tensors, root, sizes)) }
  const said = written(file.metadata.get(configText), config, sizes)
  return {
    component: 'text_encoder',
    listed: ['transformers', scaled ? gemma4Class : gemma3Class],
    config: scaled
      ? { model_type: 'gemma4_unified', text_config: { ...said, ...counted } }
      : {
          model_type: 'gemma3',
          text_config: {
            ...gemma3Of12B.text_config,
            query_pre_attn_scalar: sizes.head_dim,
            ...said,
            ...counted,
          },
        },
    tensors,
    ...(tokenizer && { tokenizer }),
  }
}

export const gemma3Class = 'Gemma3ForConditionalGeneration'
export const gemma4Class = 'Gemma4UnifiedForConditionalGeneration'

type Tensors = ReadonlyMap<string, TensorLocation>

/** What the tensors tell of the config; undefined where they are not of a Gemma 3 or 4. */
function sizesOf(tensors: Tensors, root: string) {
  const at = (key: string) => tensors.get(`${root}.${key}`)?.shape
  const layer = 'layers.0.self_attn'
  const [table, query, keys] = [
    at('embed_tokens.weight'),
    at(`${layer}.q_proj.weight`),
    at(`${layer}.k_proj.weight`),
  ]
  const head = at(`${layer}.q_norm.weight`)?.[0]
  const hidden = at('layers.0.mlp.gate_proj.weight')
  // Gemma 2 has no norms of queries, and other models none around what layers give.
  if (!table || !query || !keys || !head || !hidden || !at('layers.0.post_feedforward_layernorm.weight'))
    return undefined
  const own = new RegExp(`^${root.replaceAll('.', String.raw`\.`)}\\.layers\\.(\\d+)\\.`)
  return {
    vocab_size: table[0]!,
    hidden_size: table[1]!,
    intermediate_size: hidden[0]!,
    num_hidden_layers: layerCount(tensors.keys(), own),
    num_attention_heads: query[0]! / head,
    num_key_value_heads: keys[0]! / head,
    head_dim: head,
  }
}

/** Of Gemma 4, whose full layers have wider heads than the sliding ones, and no projection of values where keys are the values. */
function fullLayersOf(
  tensors: Tensors,
  root: string,
  sizes: NonNullable<ReturnType<typeof sizesOf>>,
): object {
  const at = (layer: number, key: string) => tensors.get(`${root}.layers.${layer}.self_attn.${key}`)?.shape
  const heads = Array.from({ length: sizes.num_hidden_layers }, (_, layer) => at(layer, 'q_norm.weight')?.[0])
  const full = heads.findIndex(head => head !== sizes.head_dim)
  const wide = heads[full]
  // Heads of one width do not tell which layers are full: what is written does, or every sixth is.
  if (wide === undefined) return { global_head_dim: sizes.head_dim }
  const keys = at(full, 'k_proj.weight')?.[0] ?? 0
  return {
    layer_types: heads.map(head => (head === wide ? 'full_attention' : 'sliding_attention')),
    global_head_dim: wide,
    num_global_key_value_heads: keys / wide,
    attention_k_eq_v: at(full, 'v_proj.weight') === undefined,
    per_layer_config: undefined,
  }
}

/** The text model's config that is written in the header or beside the file, where its sizes are those of the tensors. */
function written(
  text: string | undefined,
  beside: PartTensors['config'],
  counted: Readonly<Record<string, unknown>>,
): object {
  const config = text === undefined ? beside : objectIn(text)
  const own = (config?.text_config ?? config) as Readonly<Record<string, unknown>> | undefined
  const sizes = ['hidden_size', 'num_hidden_layers'] as const
  return own !== undefined && sizes.every(name => own[name] === counted[name]) ? own : {}
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}

function tokenizerIn(
  tensors: ReadonlyMap<string, TensorLocation>,
  { path, values, metadata }: PartTensors['file'],
): TokenizerSource | undefined {
  const bytesOf = (name: string) => {
    const tensor = tensors.get(name)
    return tensor && (async () => (await readTensor(tensor)).data as Uint8Array)
  }
  const json = bytesOf(packed.json)
  const text = metadata.get('tokenizer_config.json')
  const config =
    bytesOf(`${packed.asset}tokenizer_config.json`) ??
    (text === undefined ? undefined : () => Promise.resolve(new TextEncoder().encode(text)))
  if (json) return packedTokenizer(`${path}: ${packed.json}`, { json, ...(config && { config }) })
  const model = bytesOf(packed.model)
  return model ? sentencePieceModel(`${path}: ${packed.model}`, model) : ggufTokenizer(path, values)
}

/** llama.cpp stores the weights of norms with the 1 that they are the distance from. */
function withoutOne(tensors: ReadonlyMap<string, TensorLocation>): Map<string, TensorLocation> {
  return new Map(
    [...tensors].map(([key, tensor]) => {
      if (!/norm\.weight$/.test(key) || tensor.encoding) return [key, tensor]
      const encoding = wholeEncoding({
        name: tensor.dtype,
        decode: (graph, name) => add(cast(graph.weight(name, tensor), 'f32'), -1),
      })
      return [key, { ...tensor, dtype: 'f32' as const, encoding }]
    }),
  )
}
