/** Scenes to pixels, as `models/doodle/render/draw.py` draws them. */
import { distances } from './distances.ts'
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
  return {
    size,
    frames: Array.from({ length: frames }, (_, frame) => drawFrame(scene, frame, size, actors)),
  }
}

function drawFrame(scene: Scene, frame: number, size: number, actors: boolean): Uint8Array {
  const data = new Uint8Array(size * size * 3)
  const zoom = at(scene.camera.zoom, frame)
  const offset = at(scene.camera.offset, frame)
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [x, y] = [(column + 0.5) / size, (row + 0.5) / size]
      let colour = paintBackground(
        scene.background,
        (x - 0.5) / zoom + 0.5 + offset,
        (y - 0.5) / zoom + 0.5,
        1 / (size * zoom),
      )
      // The first actor is in front.
      if (actors)
        for (const actor of [...scene.actors].reverse()) colour = drawActor(actor, frame, x, y, size, colour)
      colour.forEach((value, channel) => {
        data[(row * size + column) * 3 + channel] = Math.min(255, Math.max(0, Math.floor(value * 255 + 0.5)))
      })
    }
  }
  return data
}

function drawActor(actor: Actor, frame: number, x: number, y: number, size: number, under: Rgb): Rgb {
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
