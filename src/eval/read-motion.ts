import { floorHeight } from './palette.ts'
import { type Mask, median, type Place } from './read-object.ts'

/** What is read of a clip, frame by frame. */
export interface Trace {
  readonly places: readonly (Place | undefined)[]
  readonly masks: readonly Mask[]
  /** Pixels that the background moves to the right from the first frame to the last. */
  readonly flow: number
  /** Pixels of the object's colour, by frame. */
  readonly coloured: readonly number[]
}

type Known = readonly Place[]

/** Distances of the frame's width: less is standing still, more is moving. */
const still = 0.07
const moved = 0.11

const directions: Readonly<Record<string, readonly [number, number]>> = {
  left: [-1, 0],
  right: [1, 0],
  up: [0, -1],
  down: [0, 1],
  'up right': [1, -1],
  'up left': [-1, -1],
  'down right': [1, 1],
  'down left': [-1, 1],
}

/**
 * Whether a clip shows a motion. Every motion is asked for what it must have and must not have, so that a clip of one
 * is not a clip of another.
 */
export function shows(act: string, trace: Trace): boolean {
  const known = trace.places.filter(place => place !== undefined)
  if (known.length < trace.places.length * 0.75) return false
  const direction = directions[act]
  if (direction) return moves(known, direction) && !rises(known) && steady(known)
  const test = tests[act]
  if (!test) throw new TypeError(`motion: expected one that can be read, got ${act}.`)
  return test(known, trace)
}

const tests: Readonly<Record<string, (places: Known, trace: Trace) => boolean>> = {
  still: places => extent(places, 'x') < still && extent(places, 'y') < still && steady(places),
  'roll left': places => onGround(places) && moves(places, [-1, 0]),
  'roll right': places => onGround(places) && moves(places, [1, 0]),
  clockwise: places => turned(places) > 0.4,
  counterclockwise: places => turned(places) < -0.4,
  grow: places => growth(places) > 1.35 && centred(places),
  shrink: places => growth(places) < 1 / 1.35 && centred(places),
  spin: (places, { masks }) => {
    return extent(places, 'x') < 0.1 && extent(places, 'y') < 0.1 && steady(places) && turns(masks)
  },
  bounce: places => rises(places) && peaks(places).drop > 0.12,
  fall: places => {
    const last = places.slice(-4)
    return (
      peaks(places).drop > 0.12 && !rises(places) && extent(last, 'y') < 0.06 && extent(places, 'x') < moved
    )
  },
  meet: places => {
    const spread = places.map(place => place.spread)
    const least = Math.min(...spread.slice(3, -3))
    return spread[0]! > least * 1.1 && spread.at(-1)! > least * 1.1
  },
  'pan left': (places, { flow }) => flow > 5 && steady(places),
  'pan right': (places, { flow }) => flow < -5 && steady(places),
  'zoom in': (places, { coloured }) => growth(places) > 1.3 && coloured.at(-1)! > 1.4 * coloured[0]!,
  'zoom out': (places, { coloured }) => growth(places) < 1 / 1.3 && coloured[0]! > 1.4 * coloured.at(-1)!,
}

function ends(places: Known): { first: Known; last: Known } {
  return { first: places.slice(0, 3), last: places.slice(-3) }
}

function mean(places: Known, axis: 'x' | 'y' | 'radius'): number {
  return places.reduce((sum, place) => sum + place[axis], 0) / places.length
}

function extent(places: Known, axis: 'x' | 'y'): number {
  const values = places.map(place => place[axis])
  return Math.max(...values) - Math.min(...values)
}

/** Along one of eight directions, to half the angle between two, near a straight line. */
function moves(places: Known, [dx, dy]: readonly [number, number]): boolean {
  const { first, last } = ends(places)
  const [x, y] = [mean(last, 'x') - mean(first, 'x'), mean(last, 'y') - mean(first, 'y')]
  const length = Math.hypot(x, y)
  const along = (x * dx + y * dy) / (Math.hypot(dx, dy) * length)
  return length > moved && along > Math.cos(Math.PI / 8) && bend(places, x / length, y / length) < 0.05
}

/** The farthest from the line through the middle of the track. */
function bend(places: Known, ux: number, uy: number): number {
  const across = places.map(({ x, y }) => x * uy - y * ux)
  const middle = median(across)
  return Math.max(...across.map(value => Math.abs(value - middle)))
}

/** Last size by the first. */
function growth(places: Known): number {
  const { first, last } = ends(places)
  return mean(last, 'radius') / mean(first, 'radius')
}

function steady(places: Known): boolean {
  return Math.abs(Math.log(growth(places))) < Math.log(1.25)
}

function centred(places: Known): boolean {
  return extent(places, 'x') < 0.16 && extent(places, 'y') < 0.16
}

function onGround(places: Known): boolean {
  return median(places.map(({ y, radius }) => Math.abs(y - (floorHeight - radius)))) < 0.06
}

/** How far it went down from where it began, and up again after the lowest place. */
function peaks(places: Known): { drop: number; rise: number } {
  const heights = places.map(({ y }) => y)
  const lowest = heights.indexOf(Math.max(...heights))
  const drop = heights[lowest]! - Math.min(...heights.slice(0, lowest + 1))
  let [low, rise] = [heights[0]!, 0]
  for (const y of heights) {
    low = Math.max(low, y)
    rise = Math.max(rise, low - y)
  }
  return { drop, rise }
}

/** Down and up again, as a ball does. */
function rises(places: Known): boolean {
  const { drop, rise } = peaks(places)
  return drop > 0.1 && rise > 0.1
}

/** Turns about the frame's centre, clockwise positive; 0 where it comes near the centre. */
function turned(places: Known): number {
  if (places.some(({ x, y }) => Math.hypot(x - 0.5, y - 0.5) < 0.1)) return 0
  const angles = places.map(({ x, y }) => Math.atan2(y - 0.5, x - 0.5))
  let total = 0
  for (let i = 1; i < angles.length; i++) {
    const step = angles[i]! - angles[i - 1]!
    total += Math.atan2(Math.sin(step), Math.cos(step))
  }
  return total / (2 * Math.PI)
}

/** Whether a mask changes though it stays where it is. */
function turns(masks: readonly Mask[]): boolean {
  const [first] = masks
  return masks.some(mask => intersectionOverUnion(first!, mask) < 0.84)
}

function intersectionOverUnion(a: Mask, b: Mask): number {
  let [both, either] = [0, 0]
  for (let i = 0; i < a.data.length; i++) {
    if (a.data[i] && b.data[i]) both++
    if (a.data[i] || b.data[i]) either++
  }
  return either === 0 ? 1 : both / either
}

/** A body in free fall, read off a track: acceleration of every flight, in frame widths per unit of time squared. */
export interface Flight {
  readonly gravity: number
  /** Root mean square distance to the parabola. */
  readonly residual: number
}

/** Least-squares parabolas of the parts between touches of the ground, of five frames or more. */
export function flightsOf(places: readonly (Place | undefined)[], framesPerUnit = 16): Flight[] {
  const known = places.flatMap((place, frame) => (place ? [{ time: frame / framesPerUnit, y: place.y }] : []))
  const ground = Math.max(...known.map(({ y }) => y))
  const touches = known.flatMap(({ y }, index) => {
    const before = known[index - 1]?.y ?? -1
    const after = known[index + 1]?.y ?? -1
    return y >= before && y >= after && ground - y < 0.08 && index > 0 && index < known.length - 1
      ? [index]
      : []
  })
  const bounds = [-1, ...touches, known.length]
  return bounds.slice(1).flatMap((end, index) => {
    const part = known.slice(bounds[index]! + 1, end)
    return part.length >= 5 ? [parabola(part)] : []
  })
}

/** y = a + b·t + c·t² by least squares; the acceleration is 2c. */
function parabola(points: readonly { time: number; y: number }[]): Flight {
  const origin = points[0]!.time
  const rows = points.map(({ time }) => [1, time - origin, (time - origin) ** 2] as const)
  const normal = [0, 1, 2].map(i => [0, 1, 2].map(j => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)))
  const right = [0, 1, 2].map(i => rows.reduce((sum, row, k) => sum + row[i]! * points[k]!.y, 0))
  const [a, b, c] = solve(normal, right) as [number, number, number]
  const squares = points.map(({ y }, k) => (y - (a + b * rows[k]![1] + c * rows[k]![2])) ** 2)
  return {
    gravity: 2 * c,
    residual: Math.sqrt(squares.reduce((sum, value) => sum + value, 0) / points.length),
  }
}

/** Gaussian elimination with pivoting, in place. */
function solve(matrix: number[][], right: number[]): number[] {
  const n = right.length
  for (let i = 0; i < n; i++) {
    const pivot = matrix
      .slice(i)
      .reduce((best, row, k) => (Math.abs(row[i]!) > Math.abs(matrix[best]![i]!) ? i + k : best), i)
    ;[matrix[i], matrix[pivot]] = [matrix[pivot]!, matrix[i]!]
    ;[right[i], right[pivot]] = [right[pivot]!, right[i]!]
    for (let k = i + 1; k < n; k++) {
      const factor = matrix[k]![i]! / matrix[i]![i]!
      for (let j = i; j < n; j++) matrix[k]![j]! -= factor * matrix[i]![j]!
      right[k]! -= factor * right[i]!
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let j = i + 1; j < n; j++) right[i]! -= matrix[i]![j]! * right[j]!
    right[i]! /= matrix[i]![i]!
  }
  return right
}
