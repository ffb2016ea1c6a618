import { Graph } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { twoLayer } from '../../src/nn/linear.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { type Ltx2TransformerConfig, streamNames, widthsOf } from './config.ts'

/**
 * The text as the streams of LTX-2.0 attend to it (diffusers `caption_projection`, `audio_caption_projection`): computed
 * once a prompt. Inputs `connected.video`, `connected.audio` f32 [1, length, captionChannels]; outputs `video`, `audio` f32 [1, length, model].
 */
export function ltx2Caption(
  config: Ltx2TransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('caption', { precision })
  const scope = new Scope(graph, weights)
  for (const stream of streamNames) {
    const text = graph.input(`connected.${stream}`, 'f32', [1, 'length', config.caption_channels])
    const name = stream === 'video' ? 'caption_projection' : 'audio_caption_projection'
    const projected = scope.in(name, layers =>
      twoLayer(layers, cast(text, precision), widthsOf(config)[stream], 'gelu-tanh'),
    )
    graph.output(stream, cast(projected, 'f32'))
  }
  return graph
}
