/**
 * The pieces of the Wan video VAE (diffusers `autoencoder_kl_wan.py`). Frames are laid out as a batch of pictures,
 * [frames, channels, height, width]: what the network does within a frame is then a 2-D op, and a causal 3-D
 * convolution is a 2-D one over the channels of three consecutive frames.
 */

import type { Graph, Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { conv2d } from '../../src/graph/ops/convolution.ts'
import { add, divide, maximum, multiply } from '../../src/graph/ops/elementwise.ts'
import {
  concat,
  padBefore,
  reshape,
  reshapeLike,
  slice,
  split,
  transpose,
} from '../../src/graph/ops/layout.ts'
import { l2Norm } from '../../src/graph/ops/normalization.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { rowwiseChannelNorm } from '../../src/nn/channel-norm.ts'
import { linear } from '../../src/nn/linear.ts'

/**
 * The frames that causal convolutions still need from the chunk before. The first chunk of a clip has none before
 * it (zeros) and outputs them; every later chunk takes them in and outputs its own: inputs `cache.i`, outputs
 * `cache.i.next`, f32 [kept frames, channels, height, width].
 */
export class CausalCaches {
  readonly first: boolean
  readonly #graph: Graph
  #count = 0

  constructor(graph: Graph, first: boolean) {
    this.#graph = graph
    this.first = first
  }

  /** x with the `kept` frames before it, and remembers its last ones: [frames + kept, channels, height, width]. */
  prepend(x: Value, kept: number): Value {
    const index = this.#count++
    const history = this.first ? padBefore(x, 0, kept) : concat([this.#input(index, x, kept), x], 0)
    this.#output(index, slice(history, 0, -kept))
    return history
  }

  /** For a convolution that the first chunk skips: what it remembers is `kept` frames made from x by `make`. */
  skip(make: () => Value): void {
    this.#output(this.#count++, make())
  }

  #input(index: number, x: Value, kept: number): Value {
    const shape = [kept, ...x.shape.slice(1)]
    return cast(this.#graph.input(`cache.${index}`, 'f32', shape), x.dtype)
  }

  #output(index: number, value: Value): void {
    this.#graph.output(`cache.${index}.next`, cast(value, 'f32'))
  }
}

/** A causal convolution over time with a k×k kernel in space: [frames, in, h, w] → [frames, out, h, w]. */
export function causalConv(
  scope: Scope,
  name: string,
  x: Value,
  out: number,
  kernel: 1 | 3,
  caches: CausalCaches,
): Value {
  const history = caches.prepend(x, 2) // [frames + 2, in, h, w]
  const windows = concat([slice(history, 0, 0, -2), slice(history, 0, 1, -1), slice(history, 0, 2)], 1) // [frames, 3·in, h, w]
  return windowConv(scope, name, windows, out, kernel)
}

/** The convolution over three frames that were joined along the channels, oldest first. */
export function windowConv(scope: Scope, name: string, windows: Value, out: number, kernel: 1 | 3): Value {
  return scope.in(name, layer => {
    const channels = Number(dimAt(windows, 1)) / 3
    const stored = layer.weight('weight', [out, channels, 3, kernel, kernel])
    const weight = reshape(transpose(stored, [0, 2, 1, 3, 4]), [out, 3 * channels, kernel, kernel])
    const edge = (kernel - 1) / 2
    return conv2d(windows, weight, layer.weight('bias', [out]), { padding: [edge, edge, edge, edge] })
  })
}

/** A 1×1×1 convolution: [frames, in, h, w] → [frames, out, h, w]. */
export function pointwiseConv(scope: Scope, name: string, x: Value, out: number): Value {
  return scope.in(name, layer => {
    const channels = Number(dimAt(x, 1))
    const weight = layer.weight('weight', [out, channels, 1, 1, 1], { as: [out, channels, 1, 1] })
    return conv2d(x, weight, layer.weight('bias', [out]))
  })
}

/** x / ‖x‖ · √channels · gamma, the norm taken over the channels of a pixel. `gammaRank` is that of the stored gamma. */
export function channelNorm(scope: Scope, name: string, x: Value, gammaRank: 3 | 4): Value {
  return scope.in(name, layer => {
    const channels = Number(dimAt(x, 1))
    const stored = [channels, ...new Array<number>(gammaRank - 1).fill(1)]
    if (x.graph.precision !== 'f32') {
      // The least norm is 1e-12: its square is what is added to that of the norm.
      const scale = layer.weight('gamma', stored, { dtype: x.dtype, as: [channels] })
      return rowwiseChannelNorm(x, scale, 1e-24 / channels)
    }
    const gamma = layer.weight('gamma', stored, { dtype: 'f32', as: [channels, 1, 1] })
    const unit = divide(x, maximum(l2Norm(x, 1), 1e-12)) // [frames, channels, h, w]
    return multiply(unit, multiply(gamma, Math.sqrt(channels)))
  })
}

/** Two causal 3×3×3 convolutions, each after a norm and SiLU, plus the input. */
export function residualBlock(scope: Scope, x: Value, out: number, caches: CausalCaches): Value {
  const shortcut = dimAt(x, 1) === out ? x : pointwiseConv(scope, 'conv_shortcut', x, out)
  const first = causalConv(scope, 'conv1', silu(channelNorm(scope, 'norm1', x, 4)), out, 3, caches)
  const second = causalConv(scope, 'conv2', silu(channelNorm(scope, 'norm2', first, 4)), out, 3, caches)
  return add(second, shortcut)
}

/** Self-attention of one head among the pixels of each frame. */
export function pixelAttention(scope: Scope, x: Value): Value {
  const channels = Number(dimAt(x, 1))
  const pixels = transpose(channelNorm(scope, 'norm', x, 3), [0, 2, 3, 1]) // [frames, h, w, channels]
  const rows = reshape(pixels, ['=', '*', channels]) // [frames, h·w, channels]
  const joined = linear(scope, 'to_qkv', rows, 3 * channels, { stored: [3 * channels, channels, 1, 1] })
  const [query, key, value] = split(joined, 2, 3) as [Value, Value, Value]
  const mixed = attention(query, key, value, { heads: 1 }) // [frames, h·w, channels]
  const projected = linear(scope, 'proj', mixed, channels, { stored: [channels, channels, 1, 1] })
  return add(transpose(reshapeLike(projected, pixels), [0, 3, 1, 2]), x)
}

/** Residual block, attention, residual block at the lowest resolution. */
export function middleBlock(scope: Scope, x: Value, caches: CausalCaches): Value {
  const channels = Number(dimAt(x, 1))
  const before = scope.in('resnets.0', block => residualBlock(block, x, channels, caches))
  const attended = scope.in('attentions.0', block => pixelAttention(block, before))
  return scope.in('resnets.1', block => residualBlock(block, attended, channels, caches))
}
