import type { Shape } from './palette.ts'

type Distance = (x: number, y: number) => number

const starOuter = 1.14
const starInner = 0.5
/** Half of the angle between two points of the star. */
const tenth = Math.PI / 5
/** From a point of the star to the corner beside it, and how long that is. */
const [edgeX, edgeY] = [starInner * Math.cos(tenth) - starOuter, starInner * Math.sin(tenth)]
const edge = length(edgeX, edgeY)

/** Signed distance to the outline of a shape of radius 1 about the origin, y down: negative inside. */
export const distances: Readonly<Record<Shape, Distance>> = {
  ball: (x, y) => length(x, y) - 1,
  ring: (x, y) => Math.abs(length(x, y) - 0.74) - 0.28,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) - 0.88,
  triangle: (x, y) => Math.max(y - 0.15, (Math.sqrt(3) / 2) * Math.abs(x) - 0.5 * (y - 0.15)) - 0.58,
  star(x, y) {
    const turn = remainder(Math.atan2(x, -y) + tenth, 2 * tenth) - tenth
    const radius = length(x, y)
    const [u, v] = [radius * Math.cos(turn), radius * Math.abs(Math.sin(turn))]
    return (edgeY * (u - starOuter) - edgeX * v) / edge
  },
}

/** Farther than this many radii from its centre, no shape has a point, nor the pixels at its edge. */
const reach = 1.5
/** The corners of the square are farthest from the centre, at 1.245 radii. */
export const farthest = 1.25

export interface Box {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

/**
 * The first and last rows and columns of a frame's pixels that a shape may have.
 * @param x of its centre, of the frame's width like `y` and `radius`
 */
export function boxAround(x: number, y: number, radius: number, size: number): Box {
  const first = (middle: number) => Math.max(0, Math.floor((middle - reach * radius) * size))
  const last = (middle: number) => Math.min(size - 1, Math.ceil((middle + reach * radius) * size))
  return { top: first(y), bottom: last(y), left: first(x), right: last(x) }
}

/** Of a vector. `Math.hypot` takes ten times as long. */
export function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y)
}

/** The remainder of the divisor's sign. */
export function remainder(value: number, divisor: number): number {
  return value - Math.floor(value / divisor) * divisor
}
