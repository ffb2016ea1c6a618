/** Attention of LTX-2 (diffusers `LTX2Attention`): norms and rotation over the whole width, and a gate for every head. */
import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { sigmoid } from '../../src/graph/ops/activation.ts'
import { attention, rotaryEmbedding } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike, unsqueeze } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { linear } from '../../src/nn/linear.ts'
import { rmsNormLayer } from '../../src/nn/normalization.ts'
import type { RotaryTables } from '../../src/nn/rotary-inputs.ts'

/** Of the norms of queries and keys. */
const epsilon = 1e-6

export interface AttentionLayerOptions {
  readonly heads: number
  readonly headDim: number
  readonly gated: boolean
  /** @default true */
  readonly bias?: boolean
  /** @default true */
  readonly outBias?: boolean
  /** How queries and keys are turned: tables of every pair of channels, all heads together. @default not at all */
  readonly rotary?: {
    readonly query: RotaryTables
    readonly key: RotaryTables
    readonly pairs: 'neighbours' | 'halves'
  }
  /**
   * Share of what is attended to that a token gets, f32 [1]; the rest is its own value, for a self-attention.
   * @default all
   */
  readonly attended?: Value | undefined
}

/**
 * @param x [..., tokens, width], all but the first axis tokens
 * @param context [batch, keys, …]: what is attended to
 * @returns in the shape of x
 */
export function attentionLayer(
  scope: Scope,
  x: Value,
  context: Value,
  { heads, headDim, gated, bias = true, outBias = true, rotary, attended }: AttentionLayerOptions,
): Value {
  const width = Number(dimAt(x, -1))
  const inner = heads * headDim
  const tokens = asTokens(x) // [batch, tokens, width]
  const projected = (which: 'q' | 'k', of: Value, tables: RotaryTables | undefined) => {
    const normalized = rmsNormLayer(
      scope,
      `norm_${which}`,
      linear(scope, `to_${which}`, of, inner, { bias }),
      epsilon,
    )
    return tables ? turned(normalized, tables, headDim, rotary!.pairs) : normalized
  }
  const query = projected('q', tokens, rotary?.query)
  const key = projected('k', context, rotary?.key)
  const value = linear(scope, 'to_v', context, inner, { bias })
  const mixed = attention(query, key, value, { heads }) // [batch, tokens, inner]
  const seen = attended ? blend(mixed, value, attended) : mixed
  const open = gated ? gatedHeads(scope, tokens, seen, { heads, headDim }) : seen
  return reshapeLike(linear(scope, 'to_out.0', open, width, { bias: outBias }), x)
}

/** [batch, …, width] → [batch, tokens, width] */
export function asTokens(x: Value): Value {
  return x.shape.length === 3 ? x : reshape(x, ['=', '*', Number(dimAt(x, -1))])
}

/** share · a + (1 − share) · b: exactly a where the share is 1, and exactly b where it is 0. */
function blend(a: Value, b: Value, share: Value): Value {
  const rest = add(multiply(share, -1), 1)
  return add(multiply(a, cast(share, a.dtype)), multiply(b, cast(rest, a.dtype)))
}

/** Every head times 2 · sigmoid of its logit, which follows from the attention's input. */
function gatedHeads(
  scope: Scope,
  tokens: Value,
  mixed: Value,
  { heads, headDim }: { readonly heads: number; readonly headDim: number },
): Value {
  const gates = multiply(sigmoid(linear(scope, 'to_gate_logits', tokens, heads)), 2) // [batch, tokens, heads]
  const byHead = reshape(mixed, ['=', '=', heads, headDim])
  return reshapeLike(multiply(byHead, unsqueeze(gates, 3)), mixed)
}

/**
 * Turns the pairs of every head in f32, each by angles of its own. To the op a head is a token: pairs never cross heads, and
 * the rows of the tables are cut as those of x.
 */
function turned(
  x: Value,
  { cos, sin }: RotaryTables,
  headDim: number,
  pairs: 'neighbours' | 'halves',
): Value {
  const table = (whole: Value) => reshape(whole, ['=', '*', headDim / 2]) // [batch, tokens·heads, headDim / 2]
  const heads = reshape(cast(x, 'f32'), ['=', '*', headDim]) // [batch, tokens·heads, headDim]
  const turnedHeads = rotaryEmbedding(heads, { cos: table(cos), sin: table(sin) }, 1, pairs)
  return cast(reshapeLike(turnedHeads, x), x.dtype)
}
