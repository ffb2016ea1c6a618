/** Scenes to pixels, as `models/doodle/render/draw.py` draws them. */
import { type Box, boxAround, distances } from './distances.ts'
import { coverage, paintBackground } from './draw-background.ts'
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
  const isStill = scene.camera.motion === ''
  // The first actor is in front.
  const drawn = actors ? [...scene.actors].reverse() : []
  const canvas = new Float64Array(size * size * 3)
  let behind = backdrop(scene, 0, size)
  let levels = levelsOf(behind, 0, behind.length)
  return {
    size,
    frames: Array.from({ length: frames }, (_, frame) => {
      if (!isStill && frame > 0) {
        behind = backdrop(scene, frame, size)
        levels = levelsOf(behind, 0, behind.length)
      }
      if (drawn.length === 0) return levels
      canvas.set(behind)
      const boxes = drawn.map(actor => drawActor(poseOf(actor, frame), size, canvas))
      const pixels = levels.slice()
      for (const { top, bottom, left, right } of boxes) {
        for (let row = top; row <= bottom; row++) {
          const [from, to] = [3 * (row * size + left), 3 * (row * size + right + 1)]
          pixels.set(levelsOf(canvas, from, to), from)
        }
      }
      return pixels
    }),
  }
}

/** [0, 1] to [0, 255] */
function levelsOf(colours: Float64Array, from: number, to: number): Uint8Array {
  const levels = new Uint8Array(to - from)
  for (let i = 0; i < levels.length; i++) {
    levels[i] = Math.min(255, Math.max(0, Math.floor(colours[from + i]! * 255 + 0.5)))
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

/** An actor in one frame. */
interface Pose {
  readonly shape: Actor['shape']
  readonly base: Rgb
  readonly x: number
  readonly y: number
  readonly radius: number
  readonly cos: number
  readonly sin: number
}

function poseOf(actor: Actor, frame: number): Pose {
  const angle = at(actor.angle, frame)
  return {
    shape: actor.shape,
    base: colours[actor.colour],
    x: at(actor.x, frame),
    y: at(actor.y, frame),
    radius: at(actor.radius, frame),
    cos: Math.cos(angle),
    sin: Math.sin(angle),
  }
}

/** @returns where it has drawn */
function drawActor(pose: Pose, size: number, canvas: Float64Array): Box {
  const box = boxAround(pose.x, pose.y, pose.radius, size)
  for (let row = box.top; row <= box.bottom; row++) {
    for (let column = box.left; column <= box.right; column++) {
      drawPixel(pose, (column + 0.5) / size, (row + 0.5) / size, size, canvas, 3 * (row * size + column))
    }
  }
  return box
}

function drawPixel(pose: Pose, x: number, y: number, size: number, canvas: Float64Array, at: number): void {
  const { shape, base, radius, cos, sin } = pose
  const [dx, dy] = [(x - pose.x) / radius, (y - pose.y) / radius]
  const distance = distances[shape](dx * cos + dy * sin, dy * cos - dx * sin)
  const alpha = coverage(distance, 1 / (radius * size))
  if (alpha === 0) return
  const isBall = shape === 'ball'
  const glint = Math.min(1, Math.max(0, 1 - ((dx + 0.35) ** 2 + (dy + 0.35) ** 2) * 1.6))
  const shade = 1 - 0.25 * Math.min(1, dx ** 2 + dy ** 2)
  for (let c = 0; c < 3; c++) {
    const under = canvas[at + c]!
    const lit = isBall ? Math.min(1, Math.max(0, base[c]! * shade + glint * 0.35)) : base[c]!
    canvas[at + c] = under + (lit - under) * alpha
  }
}
