/**
 * The T5 1.1 encoder (Raffel et al. 2020, Shazeer 2020; transformers `modeling_t5.py`): pre-norm, with a relative
 * position bias on the attention scores.
 *
 *   ids [batch, tokens] ── embedding ──▶ [batch, tokens, model]
 *     ── layers × (RMS norm → attention + bias; RMS norm → gated GELU) ── RMS norm ──▶ [batch, tokens, model]
 */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply, subtract } from '../../src/graph/ops/elementwise.ts'
import { gather, transpose, unsqueeze } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear } from '../../src/nn/linear.ts'
import { rmsNormLayer } from '../../src/nn/normalization.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { T5Config } from './config.ts'

/** Added to the score of a masked key: far below any score, and finite in bf16 and f32. */
const maskedScore = -1e30

export interface T5Options {
  /** Which layers have a table of position biases: the first, which lends its bias to all (T5), or each (UMT5). */
  readonly positionBias?: 'first-layer' | 'every-layer'
}

/**
 * Inputs: `ids` i64 [batch, tokens]; `mask` f32 [batch, tokens], 1 for tokens and 0 for padding; `buckets` i64
 * [tokens, tokens], see {@link relativePositionBuckets}. Output: `embeddings` f32 [batch, tokens, model].
 */
export function t5Encoder(
  config: T5Config,
  weights: WeightSource,
  precision: FloatDType,
  { positionBias = 'first-layer' }: T5Options = {},
): Graph {
  const graph = new Graph('text-encoder', { precision })
  const scope = new Scope(graph, weights)
  const ids = graph.input('ids', 'i64', ['batch', 'tokens'])
  const mask = graph.input('mask', 'f32', ['batch', 'tokens'])
  const buckets = graph.input('buckets', 'i64', ['tokens', 'tokens'])

  const penalty = multiply(subtract(mask, 1), -maskedScore) // [batch, tokens]
  const keyBias = cast(unsqueeze(unsqueeze(penalty, 1), 1), precision) // [batch, 1, 1, tokens]
  let x = embedding(scope, ids, config) // [batch, tokens, model]
  let bias = keyBias
  for (let layer = 0; layer < config.num_layers; layer++) {
    x = scope.in(`encoder.block.${layer}`, block => {
      if (layer === 0 || positionBias === 'every-layer') bias = scoreBias(block, { keyBias, buckets }, config)
      return encoderLayer(block, x, bias, config)
    })
  }
  const normalized = rmsNormLayer(scope, 'encoder.final_layer_norm', x, config.layer_norm_epsilon)
  graph.output('embeddings', cast(normalized, 'f32'))
  return graph
}

/** The table is stored once under `shared`, once under `encoder.embed_tokens`, or as the same tensor under both. */
function embedding(scope: Scope, ids: Value, config: T5Config): Value {
  const shape = [config.vocab_size, config.d_model]
  return scope.rows(['shared.weight', 'encoder.embed_tokens.weight'], shape, ids) // [batch, tokens, model]
}

/** What is added to the scores: [batch, heads, tokens, tokens]. */
function scoreBias(
  scope: Scope,
  { keyBias, buckets }: { keyBias: Value; buckets: Value },
  config: T5Config,
): Value {
  return scope.in('layer.0.SelfAttention.relative_attention_bias', layer => {
    const table = layer.weight('weight', [config.relative_attention_num_buckets, config.num_heads])
    const byHead = transpose(gather(table, buckets, 0), [2, 0, 1]) // [heads, tokens, tokens]
    return add(unsqueeze(byHead, 0), keyBias)
  })
}

function encoderLayer(scope: Scope, x: Value, bias: Value, config: T5Config): Value {
  const epsilon = config.layer_norm_epsilon
  const attended = scope.in('layer.0', sub => {
    const normalized = rmsNormLayer(sub, 'layer_norm', x, epsilon)
    return add(
      x,
      sub.in('SelfAttention', self => selfAttention(self, normalized, bias, config)),
    )
  }) // [batch, tokens, model]
  return scope.in('layer.1', sub => {
    const normalized = rmsNormLayer(sub, 'layer_norm', attended, epsilon)
    return add(
      attended,
      sub.in('DenseReluDense', dense => gatedFeedForward(dense, normalized, config)),
    )
  })
}

/** T5 does not scale the scores: the factor is folded into the initialisation. */
function selfAttention(scope: Scope, x: Value, bias: Value, config: T5Config): Value {
  const width = config.num_heads * config.d_kv
  const project = (name: string) => linear(scope, name, x, width, { bias: false }) // [batch, tokens, width]
  const mixed = attention(project('q'), project('k'), project('v'), {
    heads: config.num_heads,
    bias,
    scale: 1,
  }) // [batch, tokens, width]
  return linear(scope, 'o', mixed, config.d_model, { bias: false })
}

/** GEGLU (Shazeer 2020) with the tanh form of GELU, T5 1.1's `gelu_new`. */
function gatedFeedForward(scope: Scope, x: Value, config: T5Config): Value {
  const gate = gelu(linear(scope, 'wi_0', x, config.d_ff, { bias: false }), 'tanh')
  const hidden = multiply(gate, linear(scope, 'wi_1', x, config.d_ff, { bias: false })) // [batch, tokens, ff]
  return linear(scope, 'wo', hidden, config.d_model, { bias: false })
}

/**
 * The bucket of every query-key distance (Raffel et al. 2020; `_relative_position_bucket`): exact up to a quarter
 * of the buckets on each side, then logarithmic up to the largest distance.
 * @returns [tokens, tokens], row-major, rows are queries
 */
export function relativePositionBuckets(
  tokens: number,
  config: Pick<T5Config, 'relative_attention_num_buckets' | 'relative_attention_max_distance'>,
): BigInt64Array {
  const perSide = config.relative_attention_num_buckets / 2
  const exact = perSide / 2
  const logRange = Math.log(config.relative_attention_max_distance / exact)
  const bucketOf = (offset: number): number => {
    const side = offset > 0 ? perSide : 0
    const distance = Math.abs(offset)
    if (distance < exact) return side + distance
    const log = Math.fround(Math.fround(Math.log(Math.fround(distance / exact))) / Math.fround(logRange))
    return side + Math.min(exact + Math.trunc(Math.fround(log * (perSide - exact))), perSide - 1)
  }
  const byOffset = Array.from({ length: 2 * tokens - 1 }, (_, index) => BigInt(bucketOf(index - tokens + 1)))
  const buckets = new BigInt64Array(tokens * tokens)
  for (let query = 0; query < tokens; query++) {
    for (let key = 0; key < tokens; key++) buckets[query * tokens + key] = byOffset[key - query + tokens - 1]!
  }
  return buckets
}
