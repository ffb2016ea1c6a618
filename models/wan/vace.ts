/**
 * VACE (Jiang et al. 2025, "VACE: All-in-One Video Creation and Editing"; diffusers `transformer_wan_vace.py`): a
 * second, thinner stack of layers reads a control video and gives a hint to some layers of the main one.
 */

import { type Residual, residualSum } from '../../kernels/residual-norm/op.ts'
import type { Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { multiply } from '../../src/graph/ops/elementwise.ts'
import { split } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { linear } from '../../src/nn/linear.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import { patchEmbedding, patchedInput } from '../../src/nn/patch-embedding.ts'
import { type BlockConditions, type VideoBlockOptions, videoBlock } from '../../src/nn/video-block.ts'
import type { WanTransformerConfig } from './config.ts'

export interface Hints {
  /** x [batch, frames, height·width, model] after a layer, with the hint for that layer where there is one. */
  add(layer: number, x: Residual): Residual
}

/**
 * The hints of a control video: inputs `control` f32, the layout of the latents with 16 inactive, 16 reactive and 64
 * mask channels, and `control.scale` f32 [layers], the strength of each.
 * @param x the embedded latents
 * @param layers of the main stack that get a hint
 * @param options of the layers of both stacks
 */
export function controlHints(
  scope: Scope,
  x: Value,
  conditions: BlockConditions,
  layers: readonly number[],
  config: WanTransformerConfig,
  options: VideoBlockOptions,
): Hints {
  const { graph } = scope
  const control = patchedInput(graph, 'control', config.vace_in_channels ?? 96, config.patch_size)
  const scales = split(
    cast(graph.input('control.scale', 'f32', [layers.length]), graph.precision),
    0,
    layers.length,
  )
  let state = patchEmbedding(scope, 'vace_patch_embedding', control, config.patch_size, modelWidth(config))
  const hints = layers.map((_, index) => {
    const name = `vace_blocks.${index}`
    return scope.in(name, block => {
      const entry =
        index === 0
          ? { rows: x, update: linear(block, 'proj_in', state, modelWidth(config)) }
          : { rows: state }
      state = residualSum(videoBlock(block, entry, conditions, options))
      return linear(block, 'proj_out', state, modelWidth(config))
    })
  })
  return {
    add: (layer, value) => {
      const index = layers.indexOf(layer)
      if (index < 0) return value
      return { rows: residualSum(value), update: multiply(hints[index]!, scales[index]!) }
    },
  }
}
