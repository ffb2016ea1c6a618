import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CheckpointError } from '../errors.ts'
import { colours, shapes } from './palette.ts'

/** The file of a model folder that holds prompts and what their videos have to show. */
export const evaluationFile = 'evaluation.json'

/** One value for every frame, or one for all. */
const track = z.union([z.number(), z.array(z.number())])

const actor = z.object({
  shape: z.enum(shapes),
  colour: z.enum(Object.keys(colours) as [keyof typeof colours, ...(keyof typeof colours)[]]),
  /** `left`, `bounce`, `roll right`, `grow`, …; `still` under a camera that moves. */
  motion: z.string(),
  /** Of the frame's width, after the camera: x to the right, y down. */
  x: track,
  y: track,
  radius: track,
  /** Radians, clockwise on the screen. */
  angle: track,
})

const scene = z.object({
  seed: z.number(),
  prompt: z.string(),
  background: z.object({ name: z.string(), floor: z.string() }),
  camera: z.object({ motion: z.string(), offset: track, zoom: track }),
  actors: z.array(actor).min(1),
})

export type Actor = z.infer<typeof actor>

/** A prompt, and the truth of every frame of one video that fits it. */
export type Scene = z.infer<typeof scene>

/** What a scene is about: its first actor's motion, or the camera's. */
export function actOf({ camera, actors }: Scene): string {
  return camera.motion || actors[0]!.motion
}

/** A track's value at a frame. */
export function at(values: number | readonly number[], frame: number): number {
  return typeof values === 'number' ? values : values[Math.min(frame, values.length - 1)]!
}

/** @throws CheckpointError for a model without such a file */
export async function readScenes(model: string): Promise<Scene[]> {
  const path = join(model, evaluationFile)
  try {
    return z.array(scene).parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new CheckpointError(
      'checkpoint/not-found',
      { subject: path, expected: 'prompts with what their videos show', got: (cause as Error).message },
      { cause },
    )
  }
}
