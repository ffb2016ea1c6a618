/**
 * What the HunyuanVideo 1.5 transformer makes of a prompt's hidden states in every step (diffusers
 * `HunyuanVideo15TokenRefiner`): a few layers of self-attention, gated by the timestep and the mean of the prompt.
 */

import { gatedResidual } from '../../kernels/gated-residual/op.ts'
import type { Value } from '../../src/graph/graph.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { split, unsqueeze } from '../../src/graph/ops/layout.ts'
import { meanOver } from '../../src/graph/ops/pooling.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { linear, twoLayer } from '../../src/nn/linear.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import { layerNormLayer } from '../../src/nn/normalization.ts'
import type { HunyuanTransformerConfig } from './config.ts'

const epsilon = 1e-6

/** The hidden layer of its feed-forward networks is so many times as wide, whatever `mlp_ratio` says. */
const hiddenRatio = 4

/**
 * @param text f32 [batch, text, textDim], without padding
 * @param features of the timestep, f32 [batch, 256]
 * @returns [batch, text, model]
 */
export function tokenRefiner(
  scope: Scope,
  text: Value,
  features: Value,
  config: HunyuanTransformerConfig,
): Value {
  const model = modelWidth(config)
  const { precision } = scope.graph
  const time = scope.in('time_text_embed', embed => {
    const step = embed.in('timestep_embedder', mlp => twoLayer(mlp, features, model, 'silu'))
    return add(
      step,
      embed.in('text_embedder', mlp => twoLayer(mlp, meanOver(text, 1), model, 'silu')),
    )
  }) // [batch, model]
  let x = linear(scope, 'proj_in', cast(text, precision), model) // [batch, text, model]
  for (let layer = 0; layer < config.num_refiner_layers; layer++) {
    x = scope.in(`token_refiner.refiner_blocks.${layer}`, block => refinerBlock(block, x, time, config))
  }
  return x
}

function refinerBlock(scope: Scope, x: Value, time: Value, config: HunyuanTransformerConfig): Value {
  const model = modelWidth(config)
  const gates = scope.in('norm_out', norm => linear(norm, 'linear', silu(time), 2 * model))
  const [gate, ffGate] = split(unsqueeze(gates, 1), 2, 2) as [Value, Value] // [batch, 1, model]
  const normalized = layerNormLayer(scope, 'norm1', x, epsilon)
  const attended = scope.in('attn', attn => {
    const project = (name: string) => linear(attn, name, normalized, model)
    const mixed = attention(project('to_q'), project('to_k'), project('to_v'), {
      heads: config.num_attention_heads,
    })
    return linear(attn, 'to_out.0', mixed, model)
  })
  const withAttention = gatedResidual(x, attended, gate)
  const ffInput = layerNormLayer(scope, 'norm2', withAttention, epsilon)
  const fed = scope.in('ff', ff => {
    return linear(ff, 'net.2', silu(linear(ff, 'net.0.proj', ffInput, hiddenRatio * model)), model)
  })
  return gatedResidual(withAttention, fed, ffGate)
}
