/**
 * The pieces of the VAE of LTX-Video and LTX-2 (diffusers `autoencoder_kl_ltx.py`, `autoencoder_kl_ltx2.py`). Frames are laid out as a batch of pictures,
 * [frames, channels, height, width].
 */

import type { Graph, Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { filledLike } from '../../src/graph/ops/constant.ts'
import { add, divide, multiply, squareRoot } from '../../src/graph/ops/elementwise.ts'
import { reflectAround, reshape, split, transpose } from '../../src/graph/ops/layout.ts'
import { l2Norm, rowwiseChannelNorm } from '../../src/graph/ops/normalization.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { windowConv } from '../../src/nn/conv3d.ts'
import type { FrameFlow } from '../../src/nn/frame-flow.ts'
import { linear, twoLayer } from '../../src/nn/linear.ts'
import { layerNormLayer } from '../../src/nn/normalization.ts'
import { timestepFeatures } from '../../src/nn/timestep.ts'
import { joinsNormWithWindows, windowsAfterNorm } from '../../src/nn/windows-after-norm.ts'

/** Of the RMS norms; `resnet_norm_eps` is that of the layer norms. */
const rmsEpsilon = 1e-8

/** Sinusoids of a timestep. */
const timestepChannels = 256

/** What the blocks of a network have in common. */
export interface VaeOptions {
  /** Which frames a convolution sees for one. */
  readonly frames: FrameFlow
  readonly layerNormEpsilon: number
  /** What a convolution sees beyond the edges of a picture. @default 'zeros' */
  readonly padding?: 'zeros' | 'reflect'
  /** Where a shortcut has its convolution. @default 'conv_shortcut.conv' */
  readonly shortcut?: string | undefined
}

/** What is done to a normalised value, f32 [1, channels, 1, 1] each. */
interface Modulation {
  readonly scale: Value
  readonly shift: Value
}

/** What changes a residual block beside its weights. */
export interface BlockConditions {
  /** The block's embedding of the timestep, f32 [1, 4·channels]. */
  readonly time?: Value | undefined
  readonly noise?: InjectedNoise | undefined
}

/**
 * Noise that is added between convolutions, the same for every frame: inputs `injected.i`, f32 [height, width], in
 * the order in which diffusers draws them.
 */
export class InjectedNoise {
  readonly #graph: Graph
  #next: number

  /** @param first the number of the first one that is added */
  constructor(graph: Graph, first: number) {
    this.#graph = graph
    this.#next = first
  }

  /** x plus the next noise times `<scope>.<name>` of its channel. */
  addTo(scope: Scope, name: string, x: Value): Value {
    const channels = Number(dimAt(x, 1))
    const noise = this.#graph.input(`injected.${this.#next++}`, 'f32', [dimAt(x, 2), dimAt(x, 3)])
    const scaled = multiply(noise, scope.weight(name, [channels, 1, 1], { dtype: 'f32' })) // [channels, height, width]
    return add(x, cast(scaled, x.dtype))
  }
}

/**
 * A 3×3×3 convolution.
 * @param stride in time, height and width
 */
export function videoConv(
  scope: Scope,
  name: string,
  x: Value,
  out: number,
  options: Pick<VaeOptions, 'frames' | 'padding'> & { stride?: 1 | 2 },
): Value {
  return enteredConv(scope, name, options.frames.enter(x), out, options)
}

/** The same over frames that have entered. */
export function enteredConv(
  scope: Scope,
  name: string,
  entered: Value,
  out: number,
  { frames, padding = 'zeros', stride = 1 }: Pick<VaeOptions, 'frames' | 'padding'> & { stride?: 1 | 2 },
): Value {
  const layer = `${name}.conv`
  if (padding === 'zeros') return windowConv(scope, layer, frames.windows(entered, stride), out, { stride })
  const windows = frames.windows(reflectAround(entered, 1), stride) // [windows, 3·in, h + 2, w + 2]
  return windowConv(scope, layer, windows, out, { stride, padding: 0 })
}

/** x / √(mean over the channels of x² + ε), in x's dtype. */
function channelNorm(x: Value): Value {
  const channels = Number(dimAt(x, 1))
  if (x.graph.precision !== 'f32') return rowwiseChannelNorm(x, filledLike(x, [channels], 1), rmsEpsilon)
  const norm = l2Norm(x, 1) // [frames, 1, h, w]
  const meanSquare = divide(multiply(norm, norm), channels)
  return divide(x, squareRoot(add(meanSquare, rmsEpsilon)))
}

/** x · (1 + scale) + shift, channel by channel, in f32 and given back in x's dtype; x itself without a modulation. */
function modulate(x: Value, modulation: Modulation | undefined): Value {
  if (!modulation) return x
  return cast(add(multiply(cast(x, 'f32'), add(modulation.scale, 1)), modulation.shift), x.dtype)
}

/**
 * Norm, SiLU and a 3×3×3 convolution.
 * @param about.modulation of what was normalised
 * @param about.hasEntered whether x is the frames that the convolution can see. @default false
 */
export function normalizedConv(
  scope: Scope,
  name: string,
  x: Value,
  out: number,
  options: Pick<VaeOptions, 'frames' | 'padding'>,
  about: { readonly modulation?: Modulation | undefined; readonly hasEntered?: boolean } = {},
): Value {
  const { frames, padding } = options
  const { modulation, hasEntered = false } = about
  if (!joinsNormWithWindows(x.graph, frames)) {
    const active = silu(modulate(channelNorm(x), modulation))
    return enteredConv(scope, name, hasEntered ? active : frames.enter(active), out, options)
  }
  const entered = hasEntered ? x : frames.enter(x)
  // Norm and SiLU are of every pixel alone: edges can be mirrored before them as well as after.
  const mirrored = padding === 'reflect'
  const seen = mirrored ? reflectAround(entered, 1) : entered
  const windows = windowsAfterNorm(seen, frames, affineOf(x, modulation), rmsEpsilon)
  return windowConv(scope, `${name}.conv`, windows, out, mirrored ? { padding: 0 } : {})
}

/** A modulation as scale and shift, [channels] each in x's dtype. */
function affineOf(x: Value, modulation: Modulation | undefined): { scale: Value; shift: Value } {
  const channels = Number(dimAt(x, 1))
  if (!modulation) return { scale: filledLike(x, [channels], 1), shift: filledLike(x, [channels], 0) }
  const perChannel = (value: Value) => cast(reshape(value, [channels]), x.dtype)
  return { scale: perChannel(add(modulation.scale, 1)), shift: perChannel(modulation.shift) }
}

/** The embedding `<scope>.time_embedder` of a timestep [1]: f32 [1, width]. */
export function timeEmbedding(scope: Scope, timestep: Value, width: number): Value {
  return scope.in('time_embedder.timestep_embedder', mlp =>
    twoLayer(mlp, timestepFeatures(timestep, timestepChannels), width, 'silu'),
  )
}

/**
 * Pairs of (shift, scale), f32 [1, channels, 1, 1] each: the table `<scope>.scale_shift_table` plus the embedding.
 * @param time f32 [1, 2·pairs·channels]
 */
export function modulations(scope: Scope, time: Value, channels: number, pairs: number) {
  const table = scope.weight('scale_shift_table', [2 * pairs, channels], { dtype: 'f32' })
  const sum = add(reshape(time, [2 * pairs, channels]), table)
  const rows = split(reshape(sum, [2 * pairs, channels, 1, 1]), 0, 2 * pairs) // [1, channels, 1, 1]
  return Array.from({ length: pairs }, (_, pair) => ({ shift: rows[2 * pair]!, scale: rows[2 * pair + 1]! }))
}

/** Two 3×3×3 convolutions, each after a norm and SiLU, plus the input. */
export function residualBlock(
  scope: Scope,
  x: Value,
  out: number,
  options: VaeOptions,
  { time, noise }: BlockConditions = {},
): Value {
  const pairs = time ? modulations(scope, time, Number(dimAt(x, 1)), 2) : []
  const entered = options.frames.enter(x)
  let hidden = entered
  for (const index of [1, 2]) {
    const about = { modulation: pairs[index - 1], hasEntered: index === 1 }
    const mixed = normalizedConv(scope, `conv${index}`, hidden, out, options, about)
    hidden = noise ? noise.addTo(scope, `per_channel_scale${index}`, mixed) : mixed
  }
  const passed = options.frames.passed(entered)
  return add(hidden, dimAt(x, 1) === out ? passed : projectedShortcut(scope, passed, out, options))
}

/** A layer norm and a 1×1×1 convolution: linear over the channels of a pixel. */
function projectedShortcut(
  scope: Scope,
  x: Value,
  out: number,
  { layerNormEpsilon, shortcut = 'conv_shortcut.conv' }: VaeOptions,
): Value {
  const pixels = layerNormLayer(scope, 'norm3', transpose(x, [0, 2, 3, 1]), layerNormEpsilon) // [frames, h, w, channels]
  const stored = [out, Number(dimAt(x, 1)), 1, 1, 1]
  return transpose(linear(scope, shortcut, pixels, out, { stored }), [0, 3, 1, 2])
}

/** Residual blocks `resnets.0` … in a row, all of the input's width. */
export function residualBlocks(
  scope: Scope,
  x: Value,
  count: number,
  options: VaeOptions,
  conditions: BlockConditions = {},
): Value {
  const width = Number(dimAt(x, 1))
  let value = x
  for (let index = 0; index < count; index++) {
    value = scope.in(`resnets.${index}`, block => residualBlock(block, value, width, options, conditions))
  }
  return value
}
