import { type Colour, colours } from './palette.ts'

/** The pixels of an object in one frame: 1 where it is. */
export interface Mask {
  readonly size: number
  readonly data: Uint8Array
  readonly area: number
}

/** Distance in RGB, each in [0, 1], from which a pixel is not background. */
const difference = 0.22

/** Pixels; anything less is noise. */
export const smallest = 12

/** The largest connected region that differs from what is behind it. */
export function objectMask(frame: Uint8Array, behind: Uint8Array, size: number): Mask {
  return largestRegion(differing(frame, behind), size)
}

/** 1 where a pixel is not background. */
export function differing(frame: Uint8Array, behind: Uint8Array): Uint8Array {
  const mask = new Uint8Array(frame.length / 3)
  for (let i = 0; i < mask.length; i++) {
    const red = frame[3 * i]! - behind[3 * i]!
    const green = frame[3 * i + 1]! - behind[3 * i + 1]!
    const blue = frame[3 * i + 2]! - behind[3 * i + 2]!
    mask[i] = red * red + green * green + blue * blue > (255 * difference) ** 2 ? 1 : 0
  }
  return mask
}

/** Of pixels that touch, also at corners. */
function largestRegion(mask: Uint8Array, size: number): Mask {
  const labels = new Int32Array(mask.length)
  const areas = [0]
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || labels[start]) continue
    const label = areas.length
    areas.push(0)
    const open = [start]
    labels[start] = label
    while (open.length > 0) {
      const pixel = open.pop()!
      areas[label]!++
      const column = pixel % size
      const [left, right] = [column > 0 ? -1 : 0, column < size - 1 ? 1 : 0]
      for (let row = pixel - size; row <= pixel + size; row += size) {
        for (let next = row + left; next <= row + right; next++) {
          if (!mask[next] || labels[next]) continue // beyond the first and last row there is no pixel
          labels[next] = label
          open.push(next)
        }
      }
    }
  }
  const area = Math.max(...areas)
  const largest = areas.indexOf(area)
  const data = new Uint8Array(mask.length)
  if (area > 0) for (let i = 0; i < data.length; i++) data[i] = labels[i] === largest ? 1 : 0
  return { size, data, area }
}

/** Where an object is and how big, of the frame's width; undefined where there is none. */
export interface Place {
  readonly x: number
  readonly y: number
  /** Of the disc of equal area. */
  readonly radius: number
  /** Standard deviation of x: what tells one object from two. */
  readonly spread: number
}

export function placeOf({ size, data, area }: Mask): Place | undefined {
  if (area < smallest) return undefined
  let [x, y, squares] = [0, 0, 0]
  for (let i = 0; i < data.length; i++) {
    if (!data[i]) continue
    const column = (i % size) + 0.5
    x += column
    y += Math.floor(i / size) + 0.5
    squares += column * column
  }
  const mean = x / area
  const spread = Math.sqrt(Math.max(0, squares / area - mean * mean)) / size
  return { x: mean / size, y: y / area / size, radius: Math.sqrt(area / Math.PI) / size, spread }
}

/** The colour of the palette that is nearest to the median of an object's pixels. */
export function colourOf(frame: Uint8Array, { data, area }: Mask): Colour | undefined {
  if (area < smallest) return undefined
  const channel = (c: 0 | 1 | 2) => {
    const levels = new Uint8Array(area)
    for (let i = 0, at = 0; i < data.length; i++) if (data[i]) levels[at++] = frame[3 * i + c]!
    return medianLevel(levels)
  }
  return nearestColour(channel(0), channel(1), channel(2))
}

/** The palette's colour that is nearest to one in [0, 1]. */
export function nearestColour(red: number, green: number, blue: number): Colour {
  let [best, least] = ['red' as Colour, Number.POSITIVE_INFINITY]
  for (const name of names) {
    const [r, g, b] = colours[name]
    const away = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2
    if (away < least) [best, least] = [name, away]
  }
  return best
}

const names = Object.keys(colours) as Colour[]

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The median of levels of 255, in [0, 1]. Sorts them in place. */
export function medianLevel(levels: Uint8Array): number {
  levels.sort()
  const middle = levels.length >> 1
  const upper = levels[middle]! / 255
  return levels.length % 2 === 1 ? upper : (levels[middle - 1]! / 255 + upper) / 2
}

/** What most of the votes say; undefined when there are none. */
export function mostOf<T>(votes: readonly (T | undefined)[]): T | undefined {
  const counts = new Map<T, number>()
  for (const vote of votes) if (vote !== undefined) counts.set(vote, (counts.get(vote) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
}
