/**
 * The Gemma 3 and Gemma 4 language models (Gemma Team 2025, https://arxiv.org/abs/2503.19786; transformers
 * `modeling_gemma3.py` and `modeling_gemma4_unified.py`) as text encoders: what every layer makes of the tokens.
 *
 *   ids [1, tokens] ── embedding · √width ──▶ [1, tokens, width]
 *     ── layers × (norm → attention → norm; norm → gated GELU → norm), five that see a window to one that sees all ──
 */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import { rotaryEmbedding } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { concat, reshape, reshapeLike, unsqueeze } from '../../src/graph/ops/layout.ts'
import { rmsNorm } from '../../src/graph/ops/normalization.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { groupedAttention } from '../../src/nn/grouped-attention.ts'
import { linear } from '../../src/nn/linear.ts'
import { plainRmsNorm } from '../../src/nn/normalization.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { GemmaAttention, GemmaConfig, LayerKind } from './config.ts'

/** Where checkpoints have the text model: of text and pictures as transformers 4 and 5 save it, of text alone. */
const places = ['language_model.model', 'model.language_model', 'model'] as const

/** Tensors of checkpoints that are not the text model's: the parts of pictures and sound, and a head that is the embedding again. */
export const gemmaIgnored: readonly RegExp[] = [
  /^(?:model\.)?(?:vision_tower|vision_model|multi_modal_projector|audio_projector)\./,
  /^model\.(?:vision_embedder|embed_vision|embed_audio)\./,
  /^(?:language_model\.)?lm_head\./,
]

/**
 * Inputs: `ids` i64 [1, tokens]; for each kind of layer, `full` and `sliding`, `<kind>.cos` and `<kind>.sin` f32 [1,
 * tokens, the kind's headDim / 2] and `<kind>.bias` f32 [1, 1, tokens, tokens], see `feeds.ts`. Output: `states` f32 [1, tokens,
 * width · (layers + 1)], the layer fastest: the embeddings, what all layers but the last make, and the normalised result.
 */
export function gemmaEncoder(config: GemmaConfig, weights: WeightSource, precision: FloatDType): Graph {
  const graph = new Graph('text-encoder', { precision })
  const place = places.find(each => weights.has(`${each}.embed_tokens.weight`)) ?? places[0]
  const ids = graph.input('ids', 'i64', [1, 'tokens'])
  const kinds = { full: kindInputs(graph, 'full', config), sliding: kindInputs(graph, 'sliding', config) }
  const states = new Scope(graph, weights).in(place, model => {
    const rows = model.rows(['embed_tokens.weight'], [config.vocabulary, config.width], ids) // [1, tokens, width]
    let x = multiply(rows, Math.sqrt(config.width))
    const each = [x]
    config.layers.forEach((kind, layer) => {
      x = model.in(`layers.${layer}`, block => decoderLayer(block, x, kinds[kind], config))
      each.push(x)
    })
    each[each.length - 1] = norm(model, 'norm', x, config)
    return each
  })
  const columns = states.map(state => unsqueeze(cast(state, 'f32'), 3)) as [Value, ...Value[]] // [1, tokens, width, 1]
  graph.output('states', reshape(concat(columns, 3), ['=', '=', config.width * states.length]))
  return graph
}

/** What layers of one kind are given, and how they attend. */
interface KindInputs extends GemmaAttention {
  readonly cos: Value
  readonly sin: Value
  readonly bias: Value
}

function kindInputs(graph: Graph, kind: LayerKind, { kinds }: GemmaConfig): KindInputs {
  const attention = kinds[kind]
  const table = (name: string) => graph.input(`${kind}.${name}`, 'f32', [1, 'tokens', attention.headDim / 2])
  return {
    ...attention,
    cos: table('cos'),
    sin: table('sin'),
    bias: graph.input(`${kind}.bias`, 'f32', [1, 1, 'tokens', 'tokens']),
  }
}

function decoderLayer(scope: Scope, x: Value, kind: KindInputs, config: GemmaConfig): Value {
  const attended = scope.in('self_attn', attn => {
    return selfAttention(attn, norm(scope, 'input_layernorm', x, config), kind, config)
  })
  const withAttention = add(x, norm(scope, 'post_attention_layernorm', attended, config))
  const fed = feedForward(scope, norm(scope, 'pre_feedforward_layernorm', withAttention, config), config)
  const result = add(withAttention, norm(scope, 'post_feedforward_layernorm', fed, config))
  return config.layerScalars
    ? multiply(result, scope.weight('layer_scalar', [1], { dtype: x.dtype }))
    : result
}

/** x [1, tokens, width] → the same. Queries and keys are normalised head by head, then turned. */
function selfAttention(scope: Scope, x: Value, kind: KindInputs, config: GemmaConfig): Value {
  const { heads, scale, width, epsilon } = config
  const { keyHeads, headDim, keysAsValues, cos, sin, bias } = kind
  const project = (name: string, count: number) => linear(scope, name, x, count * headDim, { bias: false })
  const turned = (flat: Value, name: string, count: number) => {
    const byHead = norm(scope, name, reshape(flat, ['=', '=', count, headDim]), config)
    const wide = cast(reshapeLike(byHead, flat), 'f32') // [1, tokens, count·headDim]
    return cast(rotaryEmbedding(wide, { cos, sin }, count, 'halves'), x.dtype)
  }
  const keys = project('k_proj', keyHeads) // [1, tokens, keyHeads·headDim]
  const values = keysAsValues ? keys : project('v_proj', keyHeads)
  const even = (flat: Value) => {
    const byHead = reshape(flat, ['=', '=', keyHeads, headDim]) // [1, tokens, keyHeads, headDim]
    return reshapeLike(plainRmsNorm(byHead, epsilon), flat)
  }
  const mixed = groupedAttention(
    turned(project('q_proj', heads), 'q_norm', heads),
    turned(keys, 'k_norm', keyHeads),
    config.normalizedValues ? even(values) : values,
    { heads, keyHeads, scale, bias: cast(bias, x.dtype) },
  ) // [1, tokens, heads·headDim]
  return linear(scope, 'o_proj', mixed, width, { bias: false })
}

/** GEGLU (Shazeer 2020) with the tanh form of GELU. */
function feedForward(scope: Scope, x: Value, { hidden, width }: GemmaConfig): Value {
  return scope.in('mlp', mlp => {
    const gate = gelu(linear(mlp, 'gate_proj', x, hidden, { bias: false }), 'tanh')
    const product = multiply(gate, linear(mlp, 'up_proj', x, hidden, { bias: false })) // [1, tokens, hidden]
    return linear(mlp, 'down_proj', product, width, { bias: false })
  })
}

/** RMS normalisation over the last axis, in f32. */
function norm(scope: Scope, name: string, x: Value, { epsilon, normsFromOne }: GemmaConfig): Value {
  return scope.in(name, layer => {
    const stored = layer.weight('weight', [Number(x.shape.at(-1))], { dtype: 'f32' })
    const weight = normsFromOne ? add(stored, 1) : stored
    return cast(rmsNorm(cast(x, 'f32'), weight, epsilon), x.dtype)
  })
}
