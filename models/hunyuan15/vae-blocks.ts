/** The pieces of the HunyuanVideo 1.5 VAE (diffusers `autoencoder_kl_hunyuanvideo15.py`), over frames as a batch of pictures. */
import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike, transpose } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { type CausalCaches, causalConv } from '../../src/nn/causal-conv.ts'
import { channelNorm } from '../../src/nn/channel-norm.ts'
import { linear } from '../../src/nn/linear.ts'

/** A causal 3×3×3 convolution, whose weights are one scope further down: [frames, in, h, w] → [frames, out, h, w]. */
export function convolution(scope: Scope, name: string, x: Value, out: number, caches: CausalCaches): Value {
  return scope.in(name, layer => causalConv(layer, 'conv', x, out, 3, caches))
}

/**
 * Attention of one head in which the pixels of a frame see those of it and of all frames before: x [1, channels, h, w] →
 * the same. One frame at a time needs no mask; keys and values of the frames before are remembered.
 */
export function frameAttention(scope: Scope, x: Value, caches: CausalCaches): Value {
  if (dimAt(x, 0) !== 1) throw x.graph.invalid('FrameAttention', 'one frame at a time', `${dimAt(x, 0)}`)
  const channels = Number(dimAt(x, 1))
  const pixels = transpose(channelNorm(scope, 'norm', x, 4), [0, 2, 3, 1]) // [1, h, w, channels]
  const stored = [channels, channels, 1, 1, 1]
  const project = (name: string) => linear(scope, name, pixels, channels, { stored }) // [1, h, w, channels]
  const rows = (each: Value) => reshape(each, ['*', channels]) // [pixels, channels]
  const batch = (each: Value) => reshape(rows(each), [1, '*', channels]) // [1, pixels, channels]
  const key = caches.append(project('to_k')) // [frames, h, w, channels]
  const value = caches.append(project('to_v'))
  const mixed = attention(batch(project('to_q')), batch(key), batch(value), { heads: 1 }) // [1, h·w, channels]
  const projected = linear(scope, 'proj_out', reshapeLike(mixed, pixels), channels, { stored })
  return add(transpose(projected, [0, 3, 1, 2]), x)
}
