import { type Clip, drawScene } from './draw-scene.ts'
import { type Colour, colours, type Rgb, type Shape } from './palette.ts'
import { backgroundOf } from './read-background.ts'
import { flightsOf, shows, type Trace } from './read-motion.ts'
import {
  colourOf,
  differing,
  type Mask,
  median,
  mostOf,
  nearestColour,
  objectMask,
  placeOf,
  smallest,
} from './read-object.ts'
import { shapeOf } from './read-shape.ts'
import { actOf, type Scene } from './scenes.ts'

/** What a clip shows of what its prompt asks for. */
export interface Verdict {
  readonly act: string
  readonly background: boolean
  readonly colour: boolean
  readonly shape: boolean
  readonly motion: boolean
  /** The object is there in every frame. */
  readonly permanent: boolean
  /** Mean change of what stands still, from frame to frame, in levels of 255; undefined under a moving camera. */
  readonly flicker: number | undefined
  /** For bounces: whether gravity is downward and the same in every flight, to 15 %. */
  readonly constantGravity: boolean | undefined
  /** Frame widths per unit of time squared, the first flight's; for bounces. */
  readonly gravity: number | undefined
  /** Root mean square distance to a parabola, of the frame's width; for bounces. */
  readonly parabolaResidual: number | undefined
  readonly seen: {
    readonly background: string
    readonly colour: Colour | undefined
    readonly shape: Shape | undefined
  }
}

/** What moves in a clip: its first actor; of two that meet, both as one. */
export function traceOf(clip: Clip, scene: Scene): Trace {
  const behind = drawScene(scene, { size: clip.size, frames: clip.frames.length, actors: false })
  return tracesOf(clip, scene, behind).judged
}

function tracesOf(
  clip: Clip,
  scene: Scene,
  behind: Clip,
): { whole: readonly Mask[]; nearest: readonly Mask[]; judged: Trace } {
  const act = actOf(scene)
  const whole = clip.frames.map((frame, index) => wholeMask(frame, behind.frames[index]!, clip.size, act))
  const nearest = firstOf(clip, scene, behind, whole)
  const masks = act === 'meet' ? whole : nearest
  const flow = scene.camera.motion.startsWith('pan') ? flowOf(clip, whole) : 0
  return {
    whole,
    nearest,
    judged: { masks, places: masks.map(placeOf), flow, coloured: colouredOf(clip, nearest) },
  }
}

export function judge(clip: Clip, scene: Scene): Verdict {
  const act = actOf(scene)
  const behind = drawScene(scene, { size: clip.size, frames: clip.frames.length, actors: false })
  const { whole, nearest, judged } = tracesOf(clip, scene, behind)
  const background = backgroundOf(clip, scene)
  const [first] = scene.actors
  const colour = mostOf(nearest.map((mask, index) => colourOf(clip.frames[index]!, mask)))
  const picks = [0, 0.25, 0.5, 0.75, 1].map(share => Math.round(share * (clip.frames.length - 1)))
  const shape = mostOf(picks.map(frame => shapeOf(nearest[frame]!, placeOf(nearest[frame]!))))
  const flights = act === 'bounce' ? flightsOf(nearest.map(placeOf)) : undefined
  return {
    act,
    background: background.name === scene.background.name && background.floor === scene.background.floor,
    colour: colour === first!.colour,
    shape: shape === first!.shape,
    motion: shows(act, judged),
    permanent: isPermanent(nearest, act),
    flicker: scene.camera.motion ? undefined : flickerOf(clip, whole),
    constantGravity: flights && isConstant(flights.map(({ gravity }) => gravity)),
    gravity: flights?.[0]?.gravity,
    parabolaResidual:
      flights && (flights.length > 0 ? Math.max(...flights.map(({ residual }) => residual)) : undefined),
    seen: { background: `${background.name} ${background.floor}`.trim(), colour, shape },
  }
}

/** The object; where two meet, both. */
function wholeMask(frame: Uint8Array, behind: Uint8Array, size: number, act: string): Mask {
  if (act !== 'meet') return objectMask(frame, behind, size)
  const data = differing(frame, behind)
  return { size, data, area: data.reduce((sum, value) => sum + value, 0) }
}

/** The first actor: of two that are there, what has its colour. */
function firstOf(clip: Clip, scene: Scene, behind: Clip, masks: readonly Mask[]): readonly Mask[] {
  const [first, ...others] = scene.actors
  if (others.length === 0) return masks
  return clip.frames.map((frame, index) => {
    const only = frame.slice()
    const under = behind.frames[index]!
    for (let i = 0; i < only.length / 3; i++) {
      if (
        nearestIsOther(
          frame,
          i,
          first!.colour,
          others.map(({ colour }) => colour),
        )
      ) {
        for (const c of [0, 1, 2]) only[3 * i + c] = under[3 * i + c]!
      }
    }
    return objectMask(only, under, clip.size)
  })
}

function nearestIsOther(frame: Uint8Array, pixel: number, own: Colour, others: readonly Colour[]): boolean {
  const colour = nearestColour(
    frame[3 * pixel]! / 255,
    frame[3 * pixel + 1]! / 255,
    frame[3 * pixel + 2]! / 255,
  )
  return colour !== own && others.includes(colour)
}

/** Pixels near the colour that the object has, in every frame. */
function colouredOf(clip: Clip, masks: readonly Mask[]): number[] {
  const colour = mostOf(masks.map((mask, index) => colourOf(clip.frames[index]!, mask)))
  if (colour === undefined) return clip.frames.map(() => 0)
  return clip.frames.map(frame => countNear(frame, colours[colour]))
}

function countNear(frame: Uint8Array, [red, green, blue]: Rgb): number {
  let count = 0
  for (let pixel = 0; pixel < frame.length; pixel += 3) {
    const r = frame[pixel]! / 255 - red
    const g = frame[pixel + 1]! / 255 - green
    const b = frame[pixel + 2]! / 255 - blue
    const away = r * r + g * g + b * b
    if (away < 0.25 ** 2) count++
  }
  return count
}

function isPermanent(masks: readonly Mask[], act: string): boolean {
  const areas = masks.map(({ area }) => area)
  const least = /shrink|grow|zoom/.test(act) ? 0.08 : 0.35
  return areas.every(area => area >= smallest && area >= least * median(areas))
}

/** Frame widths per unit of time squared: less is not a fall. */
const leastGravity = 0.5

function isConstant(gravities: readonly number[]): boolean {
  if (gravities.length < 2) return false
  const mean = gravities.reduce((sum, value) => sum + value, 0) / gravities.length
  return mean > leastGravity && gravities.every(value => Math.abs(value - mean) <= 0.15 * mean)
}

/** Of pixels that are two or more away from the object in both frames. */
function flickerOf({ frames, size }: Clip, masks: readonly Mask[]): number {
  const near = masks.map(nearPixels)
  let [sum, count] = [0, 0]
  for (let index = 1; index < frames.length; index++) {
    const [before, after] = [frames[index - 1]!, frames[index]!]
    const [nearBefore, nearAfter] = [near[index - 1]!, near[index]!]
    for (let pixel = 0; pixel < size * size; pixel++) {
      if (nearBefore[pixel] || nearAfter[pixel]) continue
      const at = 3 * pixel
      sum += Math.abs(after[at]! - before[at]!)
      sum += Math.abs(after[at + 1]! - before[at + 1]!)
      sum += Math.abs(after[at + 2]! - before[at + 2]!)
      count += 3
    }
  }
  return count === 0 ? 0 : sum / count
}

/** 1 where an object has a pixel at most three rows and three columns away. */
function nearPixels({ data, size }: Mask): Uint8Array {
  const near = new Uint8Array(data.length)
  for (let pixel = 0; pixel < data.length; pixel++) {
    if (!data[pixel]) continue
    const [row, column] = [Math.floor(pixel / size), pixel % size]
    const [left, right] = [Math.max(0, column - 3), Math.min(size - 1, column + 3)]
    for (let r = Math.max(0, row - 3); r <= Math.min(size - 1, row + 3); r++) {
      near.fill(1, r * size + left, r * size + right + 1)
    }
  }
  return near
}

/** Pixels that the background moves to the right over the clip: the best shifts of every other frame, added up. */
function flowOf({ frames, size }: Clip, masks: readonly Mask[]): number {
  let flow = 0
  for (let index = 2; index < frames.length; index += 2) {
    const errors = shifts.map(shift =>
      shiftError(frames[index - 2]!, frames[index]!, masks[index]!, size, shift),
    )
    flow += shifts[errors.indexOf(Math.min(...errors))]!
  }
  return flow
}

/** Nearest to zero first, which wins where nothing tells. */
const shifts = [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6]

function shiftError(before: Uint8Array, after: Uint8Array, mask: Mask, size: number, shift: number): number {
  let [sum, count] = [0, 0]
  for (let row = 0; row < size; row++) {
    for (let column = 6; column < size - 6; column++) {
      const pixel = row * size + column
      if (mask.data[pixel]) continue
      const [at, from] = [3 * pixel, 3 * (pixel - shift)]
      sum += Math.abs(after[at]! - before[from]!)
      sum += Math.abs(after[at + 1]! - before[from + 1]!)
      sum += Math.abs(after[at + 2]! - before[from + 2]!)
      count++
    }
  }
  return count === 0 ? 0 : sum / count
}
