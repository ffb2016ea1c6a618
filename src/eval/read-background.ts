import type { Clip } from './draw-scene.ts'
import { drawScene } from './draw-scene.ts'
import { backgrounds } from './palette.ts'
import { medianLevel } from './read-object.ts'
import { at, type Scene } from './scenes.ts'

/**
 * The background whose rows are nearest to a clip's, in the frame in which the camera stands as if it did not move. The
 * median of a row is not changed by an object, nor by a pan.
 */
export function backgroundOf(clip: Clip, scene: Scene): (typeof backgrounds)[number] {
  const frame = stillFrame(scene, clip.frames.length)
  const seen = rowsOf(clip.frames[frame]!, clip.size)
  const away = rowsOfAll(clip.size).map(rows => {
    return rows.reduce((sum, value, index) => sum + Math.abs(value - seen[index]!), 0)
  })
  return backgrounds[away.indexOf(Math.min(...away))]!
}

const known = new Map<number, readonly (readonly number[])[]>()

/** The rows of every background, without an object or a camera that moves. */
function rowsOfAll(size: number): readonly (readonly number[])[] {
  const rows =
    known.get(size) ??
    backgrounds.map(background => {
      const empty = {
        seed: 0,
        prompt: '',
        background,
        camera: { motion: '', offset: 0, zoom: 1 },
        actors: [],
      }
      return rowsOf(drawScene(empty, { size, frames: 1 }).frames[0]!, size)
    })
  known.set(size, rows)
  return rows
}

/** The frame with the least zoom and, of those, the least pan. */
function stillFrame({ camera }: Scene, frames: number): number {
  const movement = (frame: number) => (at(camera.zoom, frame) - 1) * 100 + Math.abs(at(camera.offset, frame))
  const indices = Array.from({ length: frames }, (_, frame) => frame)
  return indices.reduce((best, frame) => (movement(frame) < movement(best) ? frame : best))
}

/** The median of every row, of each channel, in [0, 1]. */
function rowsOf(frame: Uint8Array, size: number): number[] {
  return Array.from({ length: size * 3 }, (_, index) => {
    const [row, channel] = [Math.floor(index / 3), index % 3]
    const levels = new Uint8Array(size)
    for (let column = 0; column < size; column++) levels[column] = frame[(row * size + column) * 3 + channel]!
    return medianLevel(levels)
  })
}
