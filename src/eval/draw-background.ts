/** Backgrounds, anti-aliased at any pan and zoom, as `models/doodle/render/backgrounds.py` paints them. */
import { length, remainder } from './distances.ts'
import { type Colour, colours, floorHeight, type Rgb } from './palette.ts'

type Spot = readonly [x: number, y: number, radius: number]
type Paint = (x: number, y: number, pixel: number) => Rgb

const period = 1.6
const stars: readonly Spot[] = [
  [0.1, 0.14, 0.028],
  [0.36, 0.34, 0.024],
  [0.52, 0.11, 0.028],
  [0.93, 0.5, 0.026],
  [1.2, 0.2, 0.03],
  [1.42, 0.46, 0.026],
  [0.12, 0.56, 0.024],
]
const moon: Spot = [0.78, 0.22, 0.1]
const sun: Spot = [0.7, 0.58, 0.13]
const clouds: readonly Spot[] = [
  [0.2, 0.18, 0.075],
  [0.78, 0.3, 0.065],
  [1.3, 0.16, 0.07],
]
const check = 0.25

/**
 * The colour of a point of a background.
 * @param pixel size of a pixel, in the units of x and y
 */
export function paintBackground(
  { name, floor }: { readonly name: string; readonly floor: string },
  x: number,
  y: number,
  pixel: number,
): Rgb {
  const ground = floor === '' ? grounds[name]! : colours[floor as Colour]
  return over(painters[name]!(x, y, pixel), ground, coverage(floorHeight - y, pixel))
}

/** How much of a pixel is inside, from the signed distance of its centre. */
export function coverage(distance: number, pixel: number): number {
  return Math.min(1, Math.max(0, 0.5 - distance / pixel))
}

export function over(under: Rgb, colour: Rgb, alpha: number): Rgb {
  const mix = (index: 0 | 1 | 2) => under[index] + (colour[index] - under[index]) * alpha
  return [mix(0), mix(1), mix(2)]
}

function sky(top: Rgb, bottom: Rgb, y: number): Rgb {
  return over(top, bottom, Math.min(1, Math.max(0, y / floorHeight)))
}

function disc([cx, cy, radius]: Spot, x: number, y: number, stretch = 1): number {
  const dx = remainder(x - cx + period / 2, period) - period / 2
  return length(dx / stretch, y - cy) - radius
}

const painters: Readonly<Record<string, Paint>> = {
  white: () => [0.96, 0.96, 0.96],
  black: () => [0.02, 0.02, 0.02],
  room: () => [0.9, 0.89, 0.86],
  night(x, y, pixel) {
    let colour = sky([0.02, 0.03, 0.14], [0.1, 0.12, 0.34], y)
    for (const star of stars) colour = over(colour, [1, 1, 0.9], coverage(disc(star, x, y), pixel))
    return over(colour, [0.93, 0.93, 0.85], coverage(disc(moon, x, y), pixel))
  },
  meadow(x, y, pixel) {
    let colour = sky([0.35, 0.62, 0.95], [0.78, 0.9, 1], y)
    for (const cloud of clouds) colour = over(colour, [0.98, 0.98, 1], coverage(disc(cloud, x, y, 2), pixel))
    const hills = 0.7 + 0.05 * Math.sin((x * 2 * Math.PI) / 0.8)
    return over(colour, [0.3, 0.58, 0.28], coverage(hills - y, pixel))
  },
  sunset(x, y, pixel) {
    const colour = sky([0.42, 0.2, 0.45], [1, 0.62, 0.25], y)
    return over(colour, [1, 0.93, 0.6], coverage(disc(sun, x, y), pixel))
  },
  desert(x, y, pixel) {
    const colour = sky([0.55, 0.75, 0.9], [0.95, 0.92, 0.8], y)
    const dunes = 0.64 + 0.08 * Math.sin((x * 2 * Math.PI) / 0.8 + 1)
    return over(colour, [0.85, 0.7, 0.42], coverage(dunes - y, pixel))
  },
  checker(x, y, pixel) {
    const wave = (v: number) => {
      const slope = (Math.sin((Math.PI * v) / check) * (check / Math.PI)) / pixel
      return Math.min(0.5, Math.max(-0.5, slope))
    }
    const mix = wave(x) * wave(y - floorHeight) * 2 + 0.5
    return over([0.55, 0.55, 0.58], [0.78, 0.78, 0.8], mix)
  },
}

const grounds: Readonly<Record<string, Rgb>> = {
  white: [0.8, 0.8, 0.82],
  black: [0.13, 0.13, 0.14],
  night: [0.05, 0.07, 0.1],
  meadow: [0.22, 0.5, 0.15],
  sunset: [0.22, 0.12, 0.2],
  checker: [0.35, 0.3, 0.28],
  desert: [0.78, 0.6, 0.32],
}
