import { lazyRotaryTables, type RotaryTables } from '../../src/geometry/rotary.ts'

/** What a coordinate of 1 stands for (diffusers `LTXVideoRotaryPosEmbed`'s bases): 20 s of time, 2048 pixels. */
const secondsScale = 20
const pixelsScale = 2048

/** The largest angle of the unit coordinate is π/2 · theta. */
const theta = 10000

export interface FrameTiming {
  /** Latent frames. */
  readonly frames: number
  readonly temporalStride: number
  readonly fps: number
}

/** Where diffusers' `LTXPipeline` puts the latent frames of a clip, in seconds: all equally far apart. */
export function evenSeconds({ frames, temporalStride, fps }: FrameTiming): Float32Array {
  const step = Math.fround(temporalStride / fps)
  return Float32Array.from({ length: frames }, (_, frame) => frame * step)
}

/**
 * Where `LTXConditionPipeline` puts latent frames, in seconds: at the first pixel frame of each, the first latent
 * being one pixel frame.
 * @param firstFrame pixel frame of the clip that they start at
 */
export function causalSeconds({ frames, temporalStride, fps }: FrameTiming, firstFrame = 0): Float32Array {
  const period = Math.fround(1 / fps)
  const pixelFrame = (frame: number) => Math.max(0, (frame - 1) * temporalStride + 1) + firstFrame
  return Float32Array.from({ length: frames }, (_, frame) => pixelFrame(frame) * period)
}

export interface LtxRotaryOptions {
  /** When each latent frame is, those before the clip included. */
  readonly seconds: Float32Array
  /** Latents a frame. */
  readonly height: number
  readonly width: number
  /** Pixels a latent. */
  readonly spatialStride: number
  /** Channels of a token, all heads together; even. */
  readonly dim: number
}

/**
 * Rotary tables over the whole width of a token, so that every head turns by other angles: frequencies from π/2 to
 * π/2 · theta, each for time, height and width in turn; what six does not divide comes first and is not turned.
 * Angles are rounded to float32 wherever diffusers rounds them: the largest are beyond 10⁴, where a unit in the last
 * place is a thousandth of a radian. Tokens come in the order frames, height, width.
 * @throws RangeError for an odd or too small width
 */
export function ltxRotaryTables(options: LtxRotaryOptions): RotaryTables {
  const { seconds, height, width, spatialStride, dim } = options
  if (!(dim >= 12 && dim % 2 === 0))
    throw new RangeError(`dim: expected an even number of at least 12, got ${dim}.`)
  const tokens = seconds.length * height * width
  const table = (turn: (angle: number) => number) => {
    const rows = new AxisRows(frequencies(Math.floor(dim / 6)), turn)
    const pixels = (count: number) =>
      Array.from({ length: count }, (_, index) => rows.at((index * spatialStride) / pixelsScale))
    const byTime = Array.from(seconds, second => rows.at(second / secondsScale))
    return interleave([byTime, pixels(height), pixels(width)], dim / 2, turn(0))
  }
  return lazyRotaryTables(tokens, dim / 2, table)
}

/** π/2 · theta^x for `count` values of x from 0 to 1 (torch.linspace, which starts from both ends). */
function frequencies(count: number): Float32Array {
  const step = Math.fround(1 / (count - 1))
  return Float32Array.from({ length: count }, (_, index) => {
    const exponent = Math.fround(
      index < Math.floor(count / 2) ? step * index : 1 - step * (count - 1 - index),
    )
    return Math.fround(Math.fround(theta ** exponent) * Math.fround(Math.PI)) / 2
  })
}

/** One row of cosines or sines for each coordinate of an axis; equal coordinates share it. */
class AxisRows {
  readonly #frequencies: Float32Array
  readonly #turn: (angle: number) => number
  readonly #rows = new Map<number, Float32Array>()

  constructor(frequencies: Float32Array, turn: (angle: number) => number) {
    this.#frequencies = frequencies
    this.#turn = turn
  }

  /** turn(frequency · (2 · coordinate − 1)) of every frequency. */
  at(coordinate: number): Float32Array {
    const centred = Math.fround(Math.fround(coordinate) * 2 - 1)
    const known = this.#rows.get(centred)
    if (known) return known
    const row = this.#frequencies.map(frequency => this.#turn(Math.fround(frequency * centred)))
    this.#rows.set(centred, row)
    return row
  }
}

/** Deals the rows of the three axes out to the pairs of every token: [tokens, pairs]. */
function interleave(
  [time, rows, columns]: readonly [Float32Array[], Float32Array[], Float32Array[]],
  pairs: number,
  still: number,
): Float32Array {
  const table = new Float32Array(time.length * rows.length * columns.length * pairs).fill(still)
  const unturned = pairs % 3
  let token = 0
  for (const t of time) {
    for (const y of rows) {
      for (const x of columns) {
        let at = token++ * pairs + unturned
        for (let i = 0; i < t.length; i++) {
          table[at++] = t[i]!
          table[at++] = y[i]!
          table[at++] = x[i]!
        }
      }
    }
  }
  return table
}
