/** A block of the LTX-2 transformer (diffusers `LTX2VideoTransformerBlock`). */
import { gatedResidual } from '../../kernels/gated-residual/op.ts'
import { normModulate } from '../../kernels/norm-modulate/op.ts'
import type { Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { slice, split } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { feedForward } from '../../src/nn/feed-forward.ts'
import { plainRmsNorm } from '../../src/nn/normalization.ts'
import { type AttentionLayerOptions, asTokens, attentionLayer, type Rotary } from './attention.ts'
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
  readonly rotary: Rotary
  /** By time alone. */
  readonly crossRotary: Rotary
}

export interface BlockInputs extends Readonly<Record<StreamName, StreamInputs>> {
  /** f32 [1]: 0 where the streams do not see each other. */
  readonly crossed: Value
}

type Streams = Record<StreamName, Value>

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
    const input = modulatedNorm(crossed[stream], { scale, shift }, config)
    const hidden = 4 * widthsOf(config)[stream]
    const fed = scope.in(`${streamPrefixes[stream]}ff`, ff => feedForward(ff, input, hidden, { bias }))
    return gatedResidual(crossed[stream], fed, gate)
  })
}

function each(make: (stream: StreamName) => Value): Streams {
  return Object.fromEntries(streamNames.map(stream => [stream, make(stream)])) as Streams
}

/** The block's modulations of a stream, f32 [batch, frames, 1, model] each. */
function rowsOf(
  scope: Scope,
  stream: StreamName,
  inputs: BlockInputs,
  config: Ltx2TransformerConfig,
): Value[] {
  const rows = blockRows(config)
  const shape = [rows, widthsOf(config)[stream]]
  const table = scope.weight(`${streamPrefixes[stream]}scale_shift_table`, shape, { dtype: 'f32' })
  return split(add(inputs[stream].time, table), 2, rows)
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
  x: Value,
  [shift, scale, gate]: readonly Value[],
  inputs: BlockInputs & { readonly attended: Value | undefined },
  config: Ltx2TransformerConfig,
): Value {
  const normalized = modulatedNorm(x, { scale: scale!, shift: shift! }, config)
  const { rotary } = inputs[stream]
  const mixed = scope.in(`${streamPrefixes[stream]}attn1`, attn => {
    return attentionLayer(attn, normalized, asTokens(normalized), {
      ...headsOf(config, stream),
      ...biases(config),
      rotary: { query: rotary, key: rotary, pairs: pairsOf(config) },
      attended: inputs.attended,
    })
  })
  return gatedResidual(x, mixed, gate!)
}

function textAttention(
  scope: Scope,
  stream: StreamName,
  x: Value,
  modulation: readonly Value[],
  { text, prompt }: StreamInputs,
  config: Ltx2TransformerConfig,
): Value {
  const [shift, scale, gate] = modulation.slice(6)
  const query = scale && shift ? modulatedNorm(x, { scale, shift }, config) : plainRmsNorm(x, config.norm_eps)
  const name = `${streamPrefixes[stream]}attn2`
  const context = config.cross_attn_mod ? modulatedText(scope, stream, text, prompt, config) : text
  const mixed = scope.in(name, attn => {
    return attentionLayer(attn, query, context, { ...headsOf(config, stream), ...biases(config) })
  })
  return gate ? gatedResidual(x, mixed, gate) : add(x, mixed)
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
  return each(stream => {
    const other = stream === 'video' ? 'audio' : 'video'
    const [name, from] =
      stream === 'video' ? (['audio_to_video_attn', 0] as const) : (['video_to_audio_attn', 2] as const)
    const seen = (each: StreamName) => {
      const [scale, shift] = modulation[each].slice(from) as [Value, Value]
      return modulatedNorm(x[each], { scale, shift }, config)
    }
    const mixed = scope.in(name, attn => {
      return attentionLayer(attn, seen(stream), asTokens(seen(other)), {
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
    return gatedResidual(x[stream], mixed, multiply(modulation[stream][4]!, inputs.crossed))
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

/** RMS(x) · (1 + scale) + shift, computed in f32, given back in x's dtype. */
function modulatedNorm(
  x: Value,
  modulation: { scale: Value; shift: Value },
  { norm_eps }: Ltx2TransformerConfig,
): Value {
  return normModulate(x, modulation, { norm: 'rms', epsilon: norm_eps, offset: 1 })
}
