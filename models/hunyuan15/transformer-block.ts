/**
 * A layer of the HunyuanVideo 1.5 transformer (diffusers `HunyuanVideo15TransformerBlock`): video and context have weights of
 * their own and meet in the attention.
 */

import type { Modulation } from '../../kernels/norm-modulate/op.ts'
import { type Residual, residualNorm } from '../../kernels/residual-norm/op.ts'
import type { Value } from '../../src/graph/graph.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { attention, rotaryEmbedding } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { concat, cutAfter, reshape, split, unsqueeze } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { feedForward } from '../../src/nn/feed-forward.ts'
import { linear } from '../../src/nn/linear.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import { rmsNormLayer } from '../../src/nn/normalization.ts'
import type { HunyuanTransformerConfig } from './config.ts'

/** Of all norms of the layers. */
const epsilon = 1e-6

/** LN(x) · (1 + scale) + shift. */
export const adaptiveNorm = { norm: 'layer', epsilon, offset: 1 } as const

/** Tokens of the clip [batch, tokens, model], and of what it is made from [batch, context, model]. */
export interface Streams<Each = Value> {
  readonly video: Each
  readonly context: Each
}

export interface BlockConditions {
  /** Embedding of the timestep after SiLU, [batch, model]. */
  readonly time: Value
  /** f32 [batch, tokens, headDim / 2] */
  readonly rotary: { readonly cos: Value; readonly sin: Value }
}

/** Streams with what the layer before adds to them → the same, with what this one adds. */
export function transformerBlock(
  scope: Scope,
  { video, context }: Streams<Residual>,
  { time, rotary }: BlockConditions,
  config: HunyuanTransformerConfig,
): Streams<Residual> {
  const own = modulations(scope, 'norm1', time, config)
  const other = modulations(scope, 'norm1_context', time, config)
  const entry = {
    video: residualNorm(video, own.attention, adaptiveNorm),
    context: residualNorm(context, other.attention, adaptiveNorm),
  }
  const attended = scope.in('attn', attn => {
    const inputs = { video: entry.video.normalized, context: entry.context.normalized }
    return jointAttention(attn, inputs, rotary, config)
  })
  const hidden = Math.trunc(modelWidth(config) * config.mlp_ratio)
  const fed = (x: Residual, name: string, modulate: Modulations) => {
    const { rows, normalized } = residualNorm(x, modulate.feedForward, adaptiveNorm)
    const update = scope.in(name, ff => feedForward(ff, normalized, hidden))
    return { rows, update, gate: modulate.feedForwardGate }
  }
  const withAttention = (stream: 'video' | 'context', gate: Value) => {
    return { rows: entry[stream].rows, update: attended[stream], gate }
  }
  return {
    video: fed(withAttention('video', own.attentionGate), 'ff', own),
    context: fed(withAttention('context', other.attentionGate), 'ff_context', other),
  }
}

/** What the timestep makes of a stream in a layer, f32 [batch, 1, model] each. */
interface Modulations {
  readonly attention: Modulation
  readonly attentionGate: Value
  readonly feedForward: Modulation
  readonly feedForwardGate: Value
}

function modulations(scope: Scope, name: string, time: Value, config: HunyuanTransformerConfig): Modulations {
  const projected = scope.in(name, norm => linear(norm, 'linear', time, 6 * modelWidth(config)))
  const [shift, scale, gate, ffShift, ffScale, ffGate] = split(
    unsqueeze(cast(projected, 'f32'), 1),
    2,
    6,
  ) as [Value, Value, Value, Value, Value, Value] // [batch, 1, model]
  return {
    attention: { scale, shift },
    attentionGate: gate,
    feedForward: { scale: ffScale, shift: ffShift },
    feedForwardGate: ffGate,
  }
}

/** All tokens see each other; only those of the clip have places. */
function jointAttention(
  scope: Scope,
  { video, context }: Streams,
  rotary: BlockConditions['rotary'],
  config: HunyuanTransformerConfig,
): Streams {
  const model = modelWidth(config)
  const heads = config.num_attention_heads
  const placed = (projection: string, norm: string) => {
    const normalized = headNorm(scope, norm, linear(scope, projection, video, model), config)
    return cast(rotaryEmbedding(cast(normalized, 'f32'), rotary, heads), video.dtype)
  }
  const unplaced = (projection: string, norm: string) =>
    headNorm(scope, norm, linear(scope, projection, context, model), config)
  const query = concat([placed('to_q', 'norm_q'), unplaced('add_q_proj', 'norm_added_q')], 1)
  const key = concat([placed('to_k', 'norm_k'), unplaced('add_k_proj', 'norm_added_k')], 1)
  const values = [linear(scope, 'to_v', video, model), linear(scope, 'add_v_proj', context, model)] as const
  const mixed = attention(query, key, concat(values, 1), { heads }) // [batch, tokens + context, model]
  const [ofVideo, ofContext] = cutAfter(mixed, 1, video)
  return {
    video: linear(scope, 'to_out.0', ofVideo, model),
    context: linear(scope, 'to_add_out', ofContext, model),
  }
}

/** RMS normalisation of every head by itself, with one weight for all. */
function headNorm(scope: Scope, name: string, x: Value, config: HunyuanTransformerConfig): Value {
  const heads = reshape(x, ['=', '=', config.num_attention_heads, config.attention_head_dim]) // [batch, tokens, heads, headDim]
  const normalized = rmsNormLayer(scope, name, heads, epsilon)
  return reshape(normalized, ['=', '=', modelWidth(config)]) // [batch, tokens, model]
}

/** The embedding of the timestep as the layers take it. */
export function activated(time: Value): Value {
  return cast(silu(time), time.graph.precision)
}
