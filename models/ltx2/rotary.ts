/** Rotary tables of LTX-2 (diffusers `LTX2AudioVideoRotaryPosEmbed`, `LTX2RotaryPosEmbed1d`): over the whole width of a token. */
import { lazyRotaryTables, type RotaryTables } from '../../src/geometry/rotary.ts'

export interface RotaryAxes {
  /** For each axis, where its places are, as shares of what the axis is made for. Tokens are all combinations, the last axis fastest. */
  readonly axes: readonly Float32Array[]
  /** Tokens in a row at every combination. @default 1 */
  readonly repeat?: number
  /** Channels of a token, all heads together; even. */
  readonly dim: number
  /** The largest angle is π/2 · theta. */
  readonly theta: number
}

/**
 * Angles frequency · (2 · place − 1), with frequencies from π/2 to π/2 · theta, each for all axes in turn; what the axes do
 * not divide comes first and is not turned. Angles are rounded to float32 as diffusers rounds them: the largest are beyond
 * 10⁴, where a unit in the last place is a thousandth of a radian.
 */
export function ltx2RotaryTables({ axes, repeat = 1, dim, theta }: RotaryAxes): RotaryTables {
  const pairs = dim / 2
  const steps = frequencies(Math.floor(pairs / axes.length), theta)
  const still = pairs - steps.length * axes.length
  const places = axes.reduce((product, axis) => product * axis.length, 1)
  const table = (turn: (angle: number) => number) => {
    const rows = axes.map(axis => {
      return Array.from(axis, place => {
        const centred = Math.fround(Math.fround(place) * 2 - 1)
        return steps.map(frequency => turn(Math.fround(frequency * centred)))
      })
    })
    const values = new Float32Array(places * repeat * pairs).fill(turn(0))
    const at = new Array<number>(axes.length).fill(0)
    for (let token = 0; token < places; token++) {
      const start = token * repeat * pairs
      for (const [axis, index] of at.entries()) {
        const row = rows[axis]![index]!
        for (let i = 0; i < row.length; i++) values[start + still + i * axes.length + axis] = row[i]!
      }
      for (let copy = 1; copy < repeat; copy++) {
        values.copyWithin(start + copy * pairs, start, start + pairs)
      }
      for (let axis = axes.length - 1; axis >= 0 && ++at[axis]! === axes[axis]!.length; axis--) at[axis] = 0
    }
    return values
  }
  return lazyRotaryTables(places * repeat, pairs, table)
}

/** π/2 · theta^x for `count` values of x from 0 to 1 (torch.linspace, which starts from both ends), in float64. */
function frequencies(count: number, theta: number): Float32Array {
  const step = count > 1 ? 1 / (count - 1) : 0
  return Float32Array.from({ length: count }, (_, index) => {
    const exponent = index < count / 2 ? step * index : 1 - step * (count - 1 - index)
    return (theta ** (count > 1 ? exponent : 0) * Math.PI) / 2
  })
}

/** Two ends of a token's extent. */
export type Extent = readonly [start: number, end: number]

/** The middle of extents in units of a rate, as a share of `whole`, rounded where diffusers rounds. */
export function middles(
  extents: readonly Extent[],
  unit: (value: number) => number,
  whole: number,
): Float32Array {
  return Float32Array.from(extents, ([start, end]) => {
    return Math.fround(Math.fround(unit(start) + unit(end)) / 2) / whole
  })
}

export interface LatentTiming {
  /** Latent frames. */
  readonly count: number
  /** Frames, or rows of a spectrogram, a latent frame. */
  readonly stride: number
  /** How many the first latent frame stands for. */
  readonly offset: number
}

/** The extents of latent frames in frames: the first latent is `offset` of them, each later one `stride`. */
export function causalExtents({ count, stride, offset }: LatentTiming): Extent[] {
  const edge = (latent: number) => Math.max(0, latent * stride + offset - stride)
  return Array.from({ length: count }, (_, latent) => [edge(latent), edge(latent + 1)])
}

/**
 * The extents of the latent frames of a clip that stands at a frame of its own: none of them is shorter, but a picture is one
 * frame.
 */
export function extentsFrom(frame: number, count: number, stride: number, pictures: number): Extent[] {
  if (pictures === 1) return [[frame, frame + 1]]
  return Array.from({ length: count }, (_, latent) => {
    return [latent * stride + frame, (latent + 1) * stride + frame]
  })
}
