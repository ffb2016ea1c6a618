/** Scenes to pixels, as `models/doodle/render/draw.py` draws them. */
import { boxAround, distances } from './distances.ts'
import { coverage, over, paintBackground } from './draw-background.ts'
import { colours, type Rgb } from './palette.ts'
import { type Actor, at, type Scene } from './scenes.ts'

/** Frames of a video, RGB: [frames, size, size, 3]. */
export interface Clip {
  readonly size: number
  readonly frames: readonly Uint8Array[]
}

export interface DrawOptions {
  readonly size?: number
  readonly frames?: number
  /** Without them, what is behind them. */
  readonly actors?: boolean
}

export function drawScene(scene: Scene, options: DrawOptions = {}): Clip {
  const { size = 64, frames = 17, actors = true } = options
  const still = scene.camera.motion === '' ? backdrop(scene, 0, size) : undefined
  const drawn = Array.from({ length: frames }, (_, frame) => {
    const colours = still?.slice() ?? backdrop(scene, frame, size)
    // The first actor is in front.
    if (actors) for (const actor of [...scene.actors].reverse()) drawActor(actor, frame, size, colours)
    return levelsOf(colours)
  })
  return { size, frames: drawn }
}

/** [0, 1] to [0, 255] */
function levelsOf(colours: Float64Array): Uint8Array {
  const levels = new Uint8Array(colours.length)
  for (let i = 0; i < levels.length; i++) {
    levels[i] = Math.min(255, Math.max(0, Math.floor(colours[i]! * 255 + 0.5)))
  }
  return levels
}

/** [size, size, 3] in [0, 1] */
function backdrop(scene: Scene, frame: number, size: number): Float64Array {
  const colours = new Float64Array(size * size * 3)
  const zoom = at(scene.camera.zoom, frame)
  const offset = at(scene.camera.offset, frame)
  for (let pixel = 0; pixel < size * size; pixel++) {
    const x = ((pixel % size) + 0.5) / size
    const y = (Math.floor(pixel / size) + 0.5) / size
    const [worldX, worldY] = [(x - 0.5) / zoom + 0.5 + offset, (y - 0.5) / zoom + 0.5]
    put(colours, 3 * pixel, paintBackground(scene.background, worldX, worldY, 1 / (size * zoom)))
  }
  return colours
}

/** `set` of an array of three takes longer than painting a pixel. */
function put(colours: Float64Array, at: number, colour: Rgb): void {
  colours[at] = colour[0]
  colours[at + 1] = colour[1]
  colours[at + 2] = colour[2]
}

function drawActor(actor: Actor, frame: number, size: number, colours: Float64Array): void {
  const [x, y, radius] = [at(actor.x, frame), at(actor.y, frame), at(actor.radius, frame)]
  const { top, bottom, left, right } = boxAround(x, y, radius, size)
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const pixel = 3 * (row * size + column)
      const under = [colours[pixel]!, colours[pixel + 1]!, colours[pixel + 2]!] as const
      const [px, py] = [(column + 0.5) / size, (row + 0.5) / size]
      put(colours, pixel, actorColour(actor, frame, px, py, size, under))
    }
  }
}

function actorColour(actor: Actor, frame: number, x: number, y: number, size: number, under: Rgb): Rgb {
  const radius = at(actor.radius, frame)
  const [dx, dy] = [(x - at(actor.x, frame)) / radius, (y - at(actor.y, frame)) / radius]
  const angle = at(actor.angle, frame)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const distance = distances[actor.shape](dx * cos + dy * sin, dy * cos - dx * sin)
  const alpha = coverage(distance, 1 / (radius * size))
  if (alpha === 0) return under
  const base = colours[actor.colour]
  if (actor.shape !== 'ball') return over(under, base, alpha)
  const glint = Math.min(1, Math.max(0, 1 - ((dx + 0.35) ** 2 + (dy + 0.35) ** 2) * 1.6))
  const shade = 1 - 0.25 * Math.min(1, dx ** 2 + dy ** 2)
  const lit = (value: number) => Math.min(1, Math.max(0, value * shade + glint * 0.35))
  return over(under, [lit(base[0]), lit(base[1]), lit(base[2])], alpha)
}
