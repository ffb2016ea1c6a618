/**
 * What LTX-2 makes of the text encoder's states (diffusers `LTX2TextConnectors`): all layers of a token normalised and joined
 * to one vector, projected, and a small transformer for each stream, in which learned registers stand in the place of padding.
 *
 *   states [1, tokens, width · layers] ── norm, projection ──▶ [1, tokens, text]
 *     ── registers behind the tokens ──▶ [1, length, text] ── blocks ──▶ video and audio [1, length, text]
 */

import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, divide, multiply, squareRoot, subtract } from '../../src/graph/ops/elementwise.ts'
import { concat, gather, reshape, unsqueeze } from '../../src/graph/ops/layout.ts'
import { meanOver } from '../../src/graph/ops/pooling.ts'
import { maximumOver, sumOver } from '../../src/graph/ops/reduction.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { feedForward } from '../../src/nn/feed-forward.ts'
import { linear } from '../../src/nn/linear.ts'
import { plainRmsNorm } from '../../src/nn/normalization.ts'
import type { RotaryTables } from '../../src/nn/rotary-inputs.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { attentionLayer } from './attention.ts'
import {
  connectorOf,
  type Ltx2ConnectorsConfig,
  pairsOf,
  registersOf,
  type StreamName,
  streamNames,
  textWidth,
} from './config.ts'
import { ltx2RotaryTables } from './rotary.ts'

const epsilon = 1e-6

/** Taken off what is no token's before a maximum is looked for. */
const farBelow = 1e30

/** The spread that 2.0 brings the states of a layer to. */
const spread = 8

/**
 * Inputs: `states` f32 [1, tokens, captionChannels · layers], the layer fastest; `valid` f32 [1, tokens, 1], 1 for tokens of
 * the prompt, 0 for rows of no use; `order` i64 [length]: for every place of the result a token, or tokens + r for register r;
 * for each stream `<stream>.cos` and `<stream>.sin` f32 [1, length, text / 2]. Outputs: `video` and `audio` f32 [1, length, text].
 */
export function ltx2Connectors(
  config: Ltx2ConnectorsConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('connectors', { precision })
  const scope = new Scope(graph, weights)
  const { caption_channels: width, text_proj_in_factor: layers } = config
  const states = graph.input('states', 'f32', [1, 'tokens', width * layers])
  const valid = graph.input('valid', 'f32', [1, 'tokens', 1])
  const order = graph.input('order', 'i64', ['length'])
  const byLayer = reshape(states, ['=', '=', width, layers]) // [1, tokens, width, layers]
  const texts = config.per_modality_projections
    ? ofTokens(scope, byLayer, valid, config)
    : ofPrompt(scope, byLayer, valid, config)
  for (const stream of streamNames) {
    const table = (name: string) =>
      graph.input(`${stream}.${name}`, 'f32', [1, 'length', textWidth(config, stream) / 2])
    const rotary = { cos: table('cos'), sin: table('sin') }
    const connected = scope.in(`${stream}_connector`, connector => {
      return connectorBlocks(
        connector,
        filled(connector, texts[stream], order, config),
        { stream, rotary },
        config,
      )
    })
    graph.output(stream, cast(connected, 'f32'))
  }
  return graph
}

type Texts = Readonly<Record<StreamName, Value>>

/** 2.0: every layer of the prompt as a whole has mean 0 and a range of 8; both streams have one projection. */
function ofPrompt(scope: Scope, byLayer: Value, valid: Value, config: Ltx2ConnectorsConfig): Texts {
  const { caption_channels: width, proj_bias: bias } = config
  const inside = unsqueeze(valid, 3) // [1, tokens, 1, 1]
  const outside = multiply(subtract(inside, 1), farBelow) // 0 or far below
  const count = multiply(sumOver(inside, [1, 2]), width) // [1, 1, 1, 1]
  const mean = divide(sumOver(multiply(byLayer, inside), [1, 2]), add(count, epsilon)) // [1, 1, 1, layers]
  const largest = maximumOver(add(byLayer, outside), [1, 2])
  const smallest = multiply(maximumOver(add(multiply(byLayer, -1), outside), [1, 2]), -1)
  const range = add(subtract(largest, smallest), epsilon)
  const normalized = multiply(divide(multiply(subtract(byLayer, mean), spread), range), inside)
  const projected = project(scope, 'text_proj_in', normalized, width, bias)
  return { video: projected, audio: projected }
}

/** 2.3: every layer of a token has a root mean square of 1; each stream has a projection of its own. */
function ofTokens(scope: Scope, byLayer: Value, valid: Value, config: Ltx2ConnectorsConfig): Texts {
  const square = unsqueeze(meanOver(multiply(byLayer, byLayer), 2), 2) // [1, tokens, 1, layers]
  const normalized = multiply(divide(byLayer, squareRoot(add(square, epsilon))), unsqueeze(valid, 3))
  const of = (stream: StreamName) => {
    const width = textWidth(config, stream)
    const scaled = multiply(normalized, Math.sqrt(width / config.caption_channels))
    return project(scope, `${stream}_text_proj_in`, scaled, width, config.proj_bias)
  }
  return { video: of('video'), audio: of('audio') }
}

function project(scope: Scope, name: string, byLayer: Value, width: number, bias: boolean): Value {
  const [, , channels, layers] = byLayer.shape as [number, string, number, number]
  const flat = reshape(byLayer, ['=', '=', channels * layers]) // [1, tokens, channels·layers]
  return linear(scope, name, cast(flat, scope.graph.precision), width, { bias })
}

/** The tokens of the prompt, then registers: [1, tokens, width] → [1, length, width]. */
function filled(scope: Scope, text: Value, order: Value, config: Ltx2ConnectorsConfig): Value {
  const width = Number(text.shape[2])
  const registers = scope.weight('learnable_registers', [registersOf(config), width], {
    as: [1, registersOf(config), width],
  })
  return gather(concat([text, registers], 1), order, 1)
}

function connectorBlocks(
  scope: Scope,
  x: Value,
  { stream, rotary }: { readonly stream: StreamName; readonly rotary: RotaryTables },
  config: Ltx2ConnectorsConfig,
): Value {
  const { layers, heads, headDim, gated, width } = connectorOf(config, stream)
  const pairs = pairsOf(config)
  let value = x
  for (let layer = 0; layer < layers; layer++) {
    value = scope.in(`transformer_blocks.${layer}`, block => {
      const attended = block.in('attn1', attn => {
        const normalized = plainRmsNorm(value, epsilon)
        const options = { heads, headDim, gated, rotary: { query: rotary, key: rotary, pairs } } as const
        return attentionLayer(attn, normalized, normalized, options)
      })
      const middle = add(value, attended)
      const input = plainRmsNorm(middle, epsilon)
      return add(
        middle,
        block.in('ff', ff => feedForward(ff, input, 4 * width)),
      )
    })
  }
  return plainRmsNorm(value, epsilon)
}

/**
 * Feeds beside the states.
 * @param rows of the states; the first `tokens` are the prompt's
 * @param length of the result: a whole multiple of the registers
 */
export function connectorFeeds(
  config: Ltx2ConnectorsConfig,
  { rows, tokens, length }: { readonly rows: number; readonly tokens: number; readonly length: number },
): Readonly<Record<string, Tensor>> {
  const registers = registersOf(config)
  const order = BigInt64Array.from({ length }, (_, place) =>
    BigInt(place < tokens ? place : rows + (place % registers)),
  )
  const places = Float32Array.from({ length }, (_, place) => place / config.connector_rope_base_seq_len)
  const tables = streamNames.flatMap(stream => {
    const { cos, sin } = ltx2RotaryTables({
      axes: [places],
      dim: textWidth(config, stream),
      theta: config.rope_theta,
    })
    return [
      [`${stream}.cos`, cos],
      [`${stream}.sin`, sin],
    ] as const
  })
  return {
    valid: tensor('f32', [1, rows, 1], new Float32Array(rows).fill(1, 0, tokens)),
    order: tensor('i64', [length], order),
    ...Object.fromEntries(tables),
  }
}
