/** What comes before and after the layers of the Wan transformer: patches, time, positions, projection. */

import { normModulate } from '../../kernels/norm-modulate/op.ts'
import { productOf } from '../../src/graph/dims.ts'
import type { Graph, Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike, split, transpose, unsqueeze } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { linear, twoLayer } from '../../src/nn/linear.ts'
import { timestepFeatures } from '../../src/nn/timestep.ts'
import { modelWidth, type WanTransformerConfig } from './config.ts'

/** An input of the latents' layout, each axis cut into patches: f32 [batch, channels, frames, pt, height, ph, width, pw]. */
export function latentInput(
  graph: Graph,
  name: string,
  channels: number,
  config: WanTransformerConfig,
): Value {
  const [pt, ph, pw] = config.patch_size
  return graph.input(name, 'f32', ['batch', channels, 'frames', pt, 'height', ph, 'width', pw])
}

/** A convolution whose stride is its kernel is a linear layer over the pixels of a patch. */
export function patchEmbedding(
  scope: Scope,
  name: string,
  latents: Value,
  config: WanTransformerConfig,
): Value {
  const [pt, ph, pw] = config.patch_size
  const channels = Number(dimAt(latents, 1))
  const pixels = channels * pt * ph * pw
  const patches = transpose(latents, [0, 2, 4, 6, 1, 3, 5, 7]) // [batch, frames, height, width, channels, pt, ph, pw]
  const rows = reshape(patches, ['=', '=', '*', pixels]) // [batch, frames, height·width, channels·pt·ph·pw]
  const stored = [modelWidth(config), channels, pt, ph, pw]
  return linear(scope, name, cast(rows, scope.graph.precision), modelWidth(config), { stored })
}

/** The time embedding [batch, frames, model] and its projection to six modulations [batch, frames, 6, model], f32. */
export function timeEmbedding(
  scope: Scope,
  timestep: Value,
  config: WanTransformerConfig,
): { embedding: Value; blocks: Value } {
  return scope.in('condition_embedder', embedder => {
    const features = timestepFeatures(timestep, config.freq_dim) // [batch, frames, freq]
    const embedding = embedder.in('time_embedder', mlp => twoLayer(mlp, features, modelWidth(config), 'silu'))
    const projected = linear(embedder, 'time_proj', silu(embedding), 6 * modelWidth(config))
    return { embedding, blocks: reshape(projected, ['=', '=', 6, modelWidth(config)]) }
  })
}

export function outputProjection(scope: Scope, x: Value, time: Value, config: WanTransformerConfig): Value {
  const model = modelWidth(config)
  const [pt, ph, pw] = config.patch_size
  const table = scope.weight('scale_shift_table', [1, 2, model], { dtype: 'f32' })
  const [shift, scale] = split(add(unsqueeze(time, 2), table), 2, 2) as [Value, Value] // [batch, frames, 1, model]
  const normalized = normModulate(x, { scale, shift }, { norm: 'layer', epsilon: config.eps, offset: 1 })
  return linear(scope, 'proj_out', normalized, (config.out_channels ?? config.in_channels) * pt * ph * pw)
}

/** [batch, frames, height·width, pt·ph·pw·channels] → the axes of the latents. */
export function unpatchify(rows: Value, latents: Value): Value {
  const patches = transpose(latents, [0, 2, 4, 6, 3, 5, 7, 1]) // [batch, frames, height, width, pt, ph, pw, channels]
  return transpose(reshapeLike(rows, patches), [0, 7, 1, 4, 2, 5, 3, 6])
}

export function rotaryTables(graph: Graph, config: WanTransformerConfig): { cos: Value; sin: Value } {
  const tokens = productOf(['frames', 'height', 'width'])
  const shape = ['batch', tokens, config.attention_head_dim / 2]
  return { cos: graph.input('rotary.cos', 'f32', shape), sin: graph.input('rotary.sin', 'f32', shape) }
}
