/** The periodic activations of neural vocoders (Ziyin et al. 2020; BigVGAN, Lee et al. 2023). */

import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { add, divide, exponential, multiply, sin } from '../graph/ops/elementwise.ts'
import { reshape } from '../graph/ops/layout.ts'
import type { Scope } from '../graph/scope.ts'
import { downsampleSignal, symmetricEdges, upsampleSignal } from './resample-1d.ts'

/** Keeps the amplitude from becoming infinite. */
const epsilon = 1e-9

export interface SnakeOptions {
  /** Whether the amplitude has a parameter of its own, `beta`, as in SnakeBeta; else it is that of the frequency. */
  readonly beta: boolean
}

/**
 * x + sin²(α x) / β with the logarithms `<scope>.alpha` and `<scope>.beta` of a frequency and an amplitude per channel.
 * @param x [channels, 1, time]
 */
export function snake(scope: Scope, x: Value, { beta }: SnakeOptions): Value {
  const channels = Number(dimAt(x, 0))
  const parameter = (name: string) => exponential(scope.weight(name, [channels], { as: [channels, 1, 1] }))
  const frequency = parameter('alpha')
  const amplitude = beta ? parameter('beta') : frequency
  const wave = sin(multiply(x, frequency))
  return add(x, divide(multiply(wave, wave), add(amplitude, epsilon)))
}

export interface AntialiasOptions extends SnakeOptions {
  /** Factor of the sampling rate that the activation is applied at. */
  readonly ratio: number
  /** Taps of the filters. */
  readonly taps: number
}

/**
 * `<scope>.act` at `ratio` times the sampling rate, so that the overtones it makes are not mirrored into the band: between
 * the filters `<scope>.upsample.filter` and `<scope>.downsample.filter`.
 * @param x [1, channels, time]
 */
export function antialiasedSnake(scope: Scope, x: Value, options: AntialiasOptions): Value {
  const { ratio, taps } = options
  const filter = (name: string) => scope.weight(`${name}.filter`, [1, 1, taps])
  const signals = channelsAsSignals(x)
  const upper = upsampleSignal(signals, filter('upsample'), ratio, symmetricEdges(taps, ratio)) // [channels, 1, ratio · time]
  const active = scope.in('act', act => snake(act, upper, options))
  return signalsAsChannels(downsampleSignal(active, filter('downsample'), ratio))
}

/** `snake` with the parameters of the scope, on [1, channels, time]. */
export function plainSnake(scope: Scope, x: Value, options: SnakeOptions): Value {
  return signalsAsChannels(snake(scope, channelsAsSignals(x), options))
}

function channelsAsSignals(x: Value): Value {
  return reshape(x, [Number(dimAt(x, 1)), 1, '*']) // [channels, 1, time]
}

function signalsAsChannels(x: Value): Value {
  return reshape(x, [1, Number(dimAt(x, 0)), '*']) // [1, channels, time]
}
