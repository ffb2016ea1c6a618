/** A block of the LTX-2 transformer (diffusers `LTX2VideoTransformerBlock`). */

import { type Modulation, type NormModulateOptions, normModulate } from '../../kernels/norm-modulate/op.ts'
import { type Residual, residualNorm, residualSum } from '../../kernels/residual-norm/op.ts'
import type { Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { slice, split } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { feedForward } from '../../src/nn/feed-forward.ts'
import { tableModulations } from '../../src/nn/modulation.ts'
import { plainRmsNorm } from '../../src/nn/normalization.ts'
import type { RotaryTables } from '../../src/nn/rotary-inputs.ts'
import { type AttentionLayerOptions, asTokens, attentionLayer } from './attention.ts'
import {
  type Ltx2TransformerConfig,
  pairsOf,
  type StreamName,
  streamNames,
  streamPrefixes,
  widthsOf,
} from './config.ts'

/** What a block sees of a stream beside its tokens. Modulations are f32 [batch, frames, rows, model]. */
export interface StreamInputs {
  /** Shift, scale, gate of the self-attention, of the feed-forward, and where the text is modulated of its queries. */
  readonly time: Value
  /** Scale and shift of the stream as it is when the sound goes to the video, then when the video goes to the sound. */
  readonly crossTime: Value
  readonly crossGate: Value
  /** Shift and scale of the text; undefined where it does not change with the time. */
  readonly prompt: Value | undefined
  /** [batch, length, model] */
  readonly text: Value
  readonly rotary: RotaryTables
  /** By time alone. */
  readonly crossRotary: RotaryTables
}

export interface BlockInputs extends Readonly<Record<StreamName, StreamInputs>> {
  /** f32 [1]: 0 where the streams do not see each other. */
  readonly crossed: Value
}

/** Tokens [batch, frames, tokens, model] of both streams, with what is still to be added to them. */
export type Streams = Readonly<Record<StreamName, Residual>>

/** Rows of a block's table, with those of the text's queries where it is modulated. */
export function blockRows({ cross_attn_mod }: Pick<Ltx2TransformerConfig, 'cross_attn_mod'>): number {
  return cross_attn_mod ? 9 : 6
}

interface Heads {
  readonly heads: number
  readonly headDim: number
  readonly gated: boolean
}

/**
 * Self-attention, text, the other stream, feed-forward: x [batch, frames, tokens, model] of both streams → the same. Both
 * streams see each other as they were before either was changed by the other.
 */
export function ltx2Block(
  scope: Scope,
  x: Streams,
  inputs: BlockInputs & { readonly attended: Value | undefined },
  config: Ltx2TransformerConfig,
): Streams {
  const modulation = {
    video: rowsOf(scope, 'video', inputs, config),
    audio: rowsOf(scope, 'audio', inputs, config),
  }
  const attended = each(stream => {
    const withSelf = selfAttention(scope, stream, x[stream], modulation[stream], inputs, config)
    return textAttention(scope, stream, withSelf, modulation[stream], inputs[stream], config)
  })
  const crossed = crossAttention(scope, attended, inputs, config)
  return each(stream => {
    const [, , , shift, scale, gate] = modulation[stream] as [Value, Value, Value, Value, Value, Value]
    const bias = config[`${streamPrefixes[stream]}ff_bias`]
    const { rows, normalized } = residualNorm(crossed[stream], { scale, shift }, normOf(config))
    const hidden = 4 * widthsOf(config)[stream]
    const update = scope.in(`${streamPrefixes[stream]}ff`, ff =>
      feedForward(ff, normalized, hidden, { bias }),
    )
    return { rows, update, gate }
  })
}

function each<Made>(make: (stream: StreamName) => Made): Record<StreamName, Made> {
  return Object.fromEntries(streamNames.map(stream => [stream, make(stream)])) as Record<StreamName, Made>
}

/** The block's modulations of a stream, f32 [batch, frames, 1, model] each. */
function rowsOf(
  scope: Scope,
  stream: StreamName,
  inputs: BlockInputs,
  config: Ltx2TransformerConfig,
): Value[] {
  const rows = blockRows(config)
  const stored = [rows, widthsOf(config)[stream]]
  return tableModulations(scope, `${streamPrefixes[stream]}scale_shift_table`, inputs[stream].time, stored)
}

function headsOf(config: Ltx2TransformerConfig, stream: StreamName): Heads {
  const prefix = streamPrefixes[stream]
  return {
    heads: config[`${prefix}num_attention_heads`],
    headDim: config[`${prefix}attention_head_dim`],
    gated: config[`${prefix}gated_attn`],
  }
}

function biases(config: Ltx2TransformerConfig): Pick<AttentionLayerOptions, 'bias' | 'outBias'> {
  return { bias: config.attention_bias, outBias: config.attention_out_bias }
}

function selfAttention(
  scope: Scope,
  stream: StreamName,
  x: Residual,
  [shift, scale, gate]: readonly Value[],
  inputs: BlockInputs & { readonly attended: Value | undefined },
  config: Ltx2TransformerConfig,
): Residual {
  const { rows, normalized } = residualNorm(x, { scale: scale!, shift: shift! }, normOf(config))
  const { rotary } = inputs[stream]
  const update = scope.in(`${streamPrefixes[stream]}attn1`, attn => {
    return attentionLayer(attn, normalized, asTokens(normalized), {
      ...headsOf(config, stream),
      ...biases(config),
      rotary: { query: rotary, key: rotary, pairs: pairsOf(config) },
      attended: inputs.attended,
    })
  })
  return { rows, update, gate: gate! }
}

function textAttention(
  scope: Scope,
  stream: StreamName,
  x: Residual,
  modulation: readonly Value[],
  { text, prompt }: StreamInputs,
  config: Ltx2TransformerConfig,
): Residual {
  const [shift, scale, gate] = modulation.slice(6)
  const { rows, normalized } =
    scale && shift ? residualNorm(x, { scale, shift }, normOf(config)) : withPlainNorm(residualSum(x), config)
  const name = `${streamPrefixes[stream]}attn2`
  const context = config.cross_attn_mod ? modulatedText(scope, stream, text, prompt, config) : text
  const update = scope.in(name, attn => {
    return attentionLayer(attn, normalized, context, { ...headsOf(config, stream), ...biases(config) })
  })
  return gate ? { rows, update, gate } : { rows, update }
}

function withPlainNorm(rows: Value, { norm_eps }: Ltx2TransformerConfig): { rows: Value; normalized: Value } {
  return { rows, normalized: plainRmsNorm(rows, norm_eps) }
}

/** text · (1 + scale) + shift, by the block's table and the run's noise level. */
function modulatedText(
  scope: Scope,
  stream: StreamName,
  text: Value,
  prompt: Value | undefined,
  config: Ltx2TransformerConfig,
): Value {
  const shape = [2, widthsOf(config)[stream]]
  const as = [1, ...shape]
  const table = scope.weight(`${streamPrefixes[stream]}prompt_scale_shift_table`, shape, { dtype: 'f32', as })
  const [shift, scale] = split(prompt ? add(prompt, table) : table, 1, 2) as [Value, Value] // [batch, 1, model]
  return cast(add(multiply(cast(text, 'f32'), add(scale, 1)), shift), text.dtype)
}

/** The sound attends to the video and the video to the sound, in the width of the sound's heads. */
function crossAttention(
  scope: Scope,
  x: Streams,
  inputs: BlockInputs,
  config: Ltx2TransformerConfig,
): Streams {
  const modulation = {
    video: crossRows(scope, 'video', inputs, config),
    audio: crossRows(scope, 'audio', inputs, config),
  }
  const rowsAt = (stream: StreamName, from: number): Modulation => {
    const [scale, shift] = modulation[stream].slice(from) as [Value, Value]
    return { scale, shift }
  }
  const entries = each(stream => residualNorm(x[stream], rowsAt(stream, 0), normOf(config)))
  const seenBy = {
    video: each(stream => entries[stream].normalized),
    audio: each(stream => normModulate(entries[stream].rows, rowsAt(stream, 2), normOf(config))),
  }
  return each(stream => {
    const other = stream === 'video' ? 'audio' : 'video'
    const seen = seenBy[stream]
    const update = scope.in(`${other}_to_${stream}_attn`, attn => {
      return attentionLayer(attn, seen[stream], asTokens(seen[other]), {
        ...headsOf(config, 'audio'),
        ...biases(config),
        gated: headsOf(config, stream).gated,
        rotary: {
          query: inputs[stream].crossRotary,
          key: inputs[other].crossRotary,
          pairs: pairsOf(config),
        },
      })
    })
    const gate = multiply(modulation[stream][4]!, inputs.crossed)
    return { rows: entries[stream].rows, update, gate }
  })
}

/** Scale and shift towards the video, scale and shift towards the sound, gate: f32 [batch, frames, 1, model] each. */
function crossRows(
  scope: Scope,
  stream: StreamName,
  inputs: BlockInputs,
  config: Ltx2TransformerConfig,
): Value[] {
  const shape = [5, widthsOf(config)[stream]]
  const table = scope.weight(`${stream}_a2v_cross_attn_scale_shift_table`, shape, { dtype: 'f32' })
  const { crossTime, crossGate } = inputs[stream]
  const shifts = split(add(crossTime, slice(table, 0, 0, 4)), 2, 4)
  return [...shifts, add(crossGate, slice(table, 0, 4))]
}

/** RMS(x) · (1 + scale) + shift. */
function normOf({ norm_eps }: Ltx2TransformerConfig): NormModulateOptions {
  return { norm: 'rms', epsilon: norm_eps, offset: 1 }
}
