/** Causal convolutions over the frames of a clip that comes in chunks, [frames, channels, height, width] each. */

import { hasNormSiluWindows, normSiluWindows } from '../../kernels/norm-silu-windows/op.ts'
import { Graph, type Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { silu } from '../graph/ops/activation.ts'
import { cast } from '../graph/ops/cast.ts'
import { concat, frameWindows, padBefore, repeatAround, reshape, slice } from '../graph/ops/layout.ts'
import { rowwiseChannelNorm } from '../graph/ops/normalization.ts'
import { Scope, type WeightSource } from '../graph/scope.ts'
import type { FloatDType } from '../tensor/dtype.ts'
import { channelNorm, channelNormEpsilon } from './channel-norm.ts'
import { nextName } from './chunk-caches.ts'
import { windowConv } from './conv3d.ts'

/** What a network sees beyond the edges of a clip and of its frames: zeros, or the outermost frame, row or column again. */
export type Surroundings = 'zeros' | 'replicated'

/** Which part of a clip a graph is for. */
export type Chunk = 'first' | 'next'

/** A graph for a part of a clip, with the scope of its weights and its caches. */
export function chunkGraph(
  name: string,
  weights: WeightSource,
  precision: FloatDType,
  chunk: Chunk,
  options: { readonly kernels?: ReadonlySet<string> | undefined; readonly surroundings?: Surroundings } = {},
): { readonly graph: Graph; readonly scope: Scope; readonly caches: CausalCaches } {
  const graph = new Graph(`${name}-${chunk}`, { precision, kernels: options.kernels })
  const caches = new CausalCaches(graph, chunk === 'first', options.surroundings)
  return { graph, scope: new Scope(graph, weights), caches }
}

/**
 * What a chunk needs of those before it. The first chunk of a clip has none before it and outputs its own; every later
 * one takes them in and outputs its own: inputs `cache.i`, outputs `cache.i.next`, f32.
 */
export class CausalCaches {
  readonly first: boolean
  readonly surroundings: Surroundings
  readonly #graph: Graph
  #count = 0

  constructor(graph: Graph, first: boolean, surroundings: Surroundings = 'zeros') {
    this.#graph = graph
    this.first = first
    this.surroundings = surroundings
  }

  /** x with the `kept` frames before it, and remembers its last ones: [frames + kept, channels, height, width]. */
  prepend(x: Value, kept: number): Value {
    const index = this.#count++
    const history = this.first ? this.#beforeClip(x, kept) : concat([this.#input(index, x, kept), x], 0)
    this.#output(index, slice(history, 0, -kept))
    return history
  }

  /**
   * What `make` makes of the two frames before x and x itself: windows of three frames, [frames, 3·channels, height, width], of
   * which the last one has what the next chunk needs.
   * @param beforeClip makes of a clip's first frame what is before it, where the clip is surrounded by that; else there are zeros
   */
  windows(x: Value, make: (history: Value) => Value, beforeClip: (frame: Value) => Value): Value {
    const index = this.#count++
    const windows = make(this.first ? this.#twoBeforeClip(x, beforeClip) : this.#input(index, x, 2))
    const framesOfWindows = reshape(windows, ['*', Number(dimAt(x, 1)), '=', '=']) // [3·frames, channels, height, width]
    this.#output(index, slice(framesOfWindows, 0, -2))
    return windows
  }

  /** x after everything that was given here in the chunks before, all of which is remembered: [past + frames, …]. */
  append(x: Value): Value {
    const index = this.#count++
    const history = this.first ? x : concat([this.#input(index, x, 'past'), x], 0)
    this.#output(index, history)
    return history
  }

  /** For a convolution that the first chunk skips: what it remembers is `kept` frames made from x by `make`. */
  skip(make: () => Value): void {
    this.#output(this.#count++, make())
  }

  #beforeClip(x: Value, kept: number): Value {
    if (this.surroundings === 'zeros') return padBefore(x, 0, kept)
    const frame = slice(x, 0, 0, 1)
    return concat([frame, ...new Array<Value>(kept - 1).fill(frame), x], 0)
  }

  #twoBeforeClip(x: Value, make: (frame: Value) => Value): Value {
    if (this.surroundings === 'zeros') return slice(padBefore(x, 0, 2), 0, 0, 2)
    const frame = make(slice(x, 0, 0, 1))
    return concat([frame, frame], 0) // [2, channels, height, width]
  }

  #input(index: number, x: Value, frames: number | 'past'): Value {
    return cast(this.#graph.input(`cache.${index}`, 'f32', [frames, ...x.shape.slice(1)]), x.dtype)
  }

  #output(index: number, value: Value): void {
    this.#graph.output(nextName(`cache.${index}`), cast(value, 'f32'))
  }
}

/**
 * A causal convolution over three frames with a k×k kernel in space: [frames, in, h, w] → [frames, out, h, w].
 * @param scope that of the layer's weights is `<scope>.<name>`
 */
export function causalConv(
  scope: Scope,
  name: string,
  x: Value,
  out: number,
  kernel: 1 | 3,
  caches: CausalCaches,
): Value {
  const history = caches.prepend(x, 2) // [frames + 2, in, h, w]
  if (caches.surroundings === 'zeros' || kernel === 1) {
    return windowConv(scope, name, frameWindows(history), out, { kernel })
  }
  const padded = repeatAround(history, 1) // [frames + 2, in, h + 2, w + 2]
  return windowConv(scope, name, frameWindows(padded), out, { kernel, padding: 0 })
}

/**
 * Root mean square norm over the channels, SiLU and a causal 3×3×3 convolution: [frames, in, h, w] → [frames, out, h, w].
 * @param layers names of the norm and of the convolution in the scope
 */
export function causalConvAfterNorm(
  scope: Scope,
  layers: { readonly norm: string; readonly conv: string },
  x: Value,
  out: number,
  caches: CausalCaches,
): Value {
  if (!hasNormSiluWindows(x.graph)) {
    return causalConv(scope, layers.conv, silu(channelNorm(scope, layers.norm, x, 4)), out, 3, caches)
  }
  const channels = Number(dimAt(x, 1))
  const epsilon = channelNormEpsilon(channels)
  const scale = scope.in(layers.norm, norm => {
    return norm.weight('gamma', [channels, 1, 1, 1], { dtype: x.dtype, as: [channels] })
  })
  // Norm and SiLU are of every pixel alone: edges can be repeated before them as well as after.
  const around = caches.surroundings === 'replicated'
  const frames = around ? repeatAround(x, 1) : x
  const windows = caches.windows(
    frames,
    history => normSiluWindows(frames, history, scale, epsilon),
    frame => silu(rowwiseChannelNorm(frame, scale, epsilon)),
  )
  return windowConv(scope, layers.conv, windows, out, around ? { padding: 0 } : {})
}
