/**
 * The language model of Qwen2.5-VL (Qwen Team 2025; transformers `Qwen2_5_VLTextModel`), without its last layers: video
 * models take the hidden states before them.
 *
 *   ids [batch, tokens] ── embedding ──▶ [batch, tokens, model]
 *     ── layers × (RMS norm → causal grouped-query attention with RoPE; RMS norm → gated SiLU) ──▶ [batch, tokens, model]
 *
 * Text has the same position on all three axes of its rotary embedding, which then is the plain one.
 */
import { lazyRotaryTables } from '../../src/geometry/rotary.ts'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { rotaryEmbedding } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { groupedAttention } from '../../src/nn/grouped-attention.ts'
import { linear } from '../../src/nn/linear.ts'
import { rmsNormLayer } from '../../src/nn/normalization.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { headDim, type Qwen2Config, ropeTheta } from './config.ts'

interface RotaryTables {
  readonly cos: Value
  readonly sin: Value
}

/** What encoders may be nested in, by how they were saved. */
const roots = ['', 'model', 'language_model', 'model.language_model']

/**
 * Inputs: `ids` i64 [batch, tokens], and `rotary.cos` and `rotary.sin`, see {@link qwen2Feeds}. Output: `embeddings` f32
 * [batch, tokens, model], the hidden states after `layers` layers: transformers' `hidden_states[layers]`. A token sees those
 * before it alone, so padding on the right changes nothing and can be left out.
 */
export function qwen2Encoder(
  config: Qwen2Config,
  weights: WeightSource,
  precision: FloatDType,
  { layers }: { readonly layers: number },
): Graph {
  const graph = new Graph('text-encoder', { precision })
  const ids = graph.input('ids', 'i64', ['batch', 'tokens'])
  const shape = ['batch', 'tokens', headDim(config) / 2]
  const rotary = {
    cos: graph.input('rotary.cos', 'f32', shape),
    sin: graph.input('rotary.sin', 'f32', shape),
  }
  const network = (scope: Scope) => {
    let x = scope.rows(['embed_tokens.weight'], [config.vocab_size, config.hidden_size], ids) // [batch, tokens, model]
    for (let layer = 0; layer < layers; layer++) {
      x = scope.in(`layers.${layer}`, block => decoderLayer(block, x, rotary, config))
    }
    return x
  }
  const root = roots.find(each => weights.has(each ? `${each}.embed_tokens.weight` : 'embed_tokens.weight'))
  const scope = new Scope(graph, weights)
  graph.output('embeddings', cast(root ? scope.in(root, network) : network(scope), 'f32'))
  return graph
}

/** Tensors that a checkpoint may hold and the encoder leaves out: all that comes after `layers` layers, and pictures. */
export function qwen2Ignored(config: Qwen2Config, layers: number): RegExp[] {
  const rest = Array.from({ length: config.num_hidden_layers - layers }, (_, index) => layers + index)
  return [
    new RegExp(`^(model\\.)?(language_model\\.)?layers\\.(${rest.join('|')})\\.`),
    /^(model\.)?(language_model\.)?norm\.weight$/,
    /^lm_head\./,
    /^(model\.)?visual\./,
  ]
}

function decoderLayer(scope: Scope, x: Value, rotary: RotaryTables, config: Qwen2Config): Value {
  const normalized = rmsNormLayer(scope, 'input_layernorm', x, config.rms_norm_eps)
  const attended = add(
    x,
    scope.in('self_attn', attn => selfAttention(attn, normalized, rotary, config)),
  )
  const mlpInput = rmsNormLayer(scope, 'post_attention_layernorm', attended, config.rms_norm_eps)
  return add(
    attended,
    scope.in('mlp', mlp => gatedFeedForward(mlp, mlpInput, config)),
  )
}

function selfAttention(scope: Scope, x: Value, { cos, sin }: RotaryTables, config: Qwen2Config): Value {
  const { num_attention_heads: heads, num_key_value_heads: keyHeads } = config
  const keyWidth = keyHeads * headDim(config)
  // Turned in f32: half floats are too coarse for the angles of late tokens.
  const rotated = (each: Value, count: number) =>
    cast(rotaryEmbedding(cast(each, 'f32'), { cos, sin }, count, 'halves'), each.dtype)
  const query = rotated(linear(scope, 'q_proj', x, config.hidden_size), heads) // [batch, tokens, model]
  const key = rotated(linear(scope, 'k_proj', x, keyWidth), keyHeads) // [batch, tokens, keyHeads · headDim]
  const value = linear(scope, 'v_proj', x, keyWidth)
  const mixed = groupedAttention(query, key, value, { heads, keyHeads, causal: true })
  return linear(scope, 'o_proj', mixed, config.hidden_size, { bias: false })
}

function gatedFeedForward(scope: Scope, x: Value, config: Qwen2Config): Value {
  const gate = silu(linear(scope, 'gate_proj', x, config.intermediate_size, { bias: false }))
  const hidden = multiply(gate, linear(scope, 'up_proj', x, config.intermediate_size, { bias: false }))
  return linear(scope, 'down_proj', hidden, config.hidden_size, { bias: false })
}

/** Inputs of the encoder for token ids [tokens], whose positions count from 0. */
export function qwen2Feeds(ids: BigInt64Array, config: Qwen2Config): Readonly<Record<string, Tensor>> {
  const tokens = ids.length
  const pairs = headDim(config) / 2
  const theta = ropeTheta(config)
  const { cos, sin } = lazyRotaryTables(tokens, pairs, turn => {
    return Float32Array.from({ length: tokens * pairs }, (_, at) => {
      return turn(Math.floor(at / pairs) / theta ** ((at % pairs) / pairs))
    })
  })
  return { ids: tensor('i64', [1, tokens], ids), 'rotary.cos': cos, 'rotary.sin': sin }
}
