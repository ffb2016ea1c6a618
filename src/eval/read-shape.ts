import { boxAround, distances, farthest } from './distances.ts'
import { type Shape, shapes } from './palette.ts'
import type { Mask, Place } from './read-object.ts'

/** Angles of one period of each shape's symmetry. */
const angles: Readonly<Record<Shape, readonly number[]>> = {
  ball: [0],
  ring: [0],
  square: turns(8, Math.PI / 16),
  triangle: turns(8, Math.PI / 12),
  star: turns(6, Math.PI / 15),
}

function turns(count: number, step: number): number[] {
  return Array.from({ length: count }, (_, index) => index * step)
}

interface Template {
  readonly shape: Shape
  readonly cos: number
  readonly sin: number
  /** Of the disc of equal area, for a shape of radius 1. */
  readonly radius: number
  readonly x: number
  readonly y: number
}

const templates = shapes.flatMap(shape => angles[shape].map(angle => templateOf(shape, angle)))

function templateOf(shape: Shape, angle: number): Template {
  const grid = 96
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  let [count, sumX, sumY] = [0, 0, 0]
  for (let row = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      const [x, y] = [column, row].map(index => ((index + 0.5) / grid) * 2.8 - 1.4) as [number, number]
      if (distances[shape](x * cos + y * sin, y * cos - x * sin) >= 0) continue
      count++
      sumX += x
      sumY += y
    }
  }
  const radius = (Math.sqrt(count / Math.PI) * 2.8) / grid
  return { shape, cos, sin, radius, x: sumX / count, y: sumY / count }
}

/**
 * The shape whose outline overlaps an object most: templates are moved and scaled to its centroid and area, and the
 * best intersection over union wins.
 */
export function shapeOf(mask: Mask, place: Place | undefined): Shape | undefined {
  if (place === undefined) return undefined
  const overlaps = templates.map(template => overlap(template, mask, place))
  return templates[overlaps.indexOf(Math.max(...overlaps))]!.shape
}

function overlap(template: Template, { size, data, area }: Mask, place: Place): number {
  const { shape, cos, sin } = template
  const distance = distances[shape]
  const scale = place.radius / template.radius
  const [middleX, middleY] = [place.x - template.x * scale, place.y - template.y * scale]
  const { top, bottom, left, right } = boxAround(middleX, middleY, scale, size)
  let [inside, both] = [0, 0]
  for (let row = top; row <= bottom; row++) {
    const y = ((row + 0.5) / size - middleY) / scale
    for (let column = left; column <= right; column++) {
      const x = ((column + 0.5) / size - middleX) / scale
      if (x * x + y * y > farthest ** 2 || distance(x * cos + y * sin, y * cos - x * sin) >= 0) continue
      inside++
      both += data[row * size + column]!
    }
  }
  return both / (inside + area - both)
}
