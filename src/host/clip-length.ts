import { inspectModel } from '../api/models.ts'
import { readVideo } from '../media/read-video.ts'

/**
 * Frames to make from a video when nothing else says how many: as many as it has, as far as the model can make that
 * number, and not more than the model makes by itself.
 * @throws MediaError for a file that cannot be read
 */
export async function framesLike(path: string, model: string, signal: AbortSignal): Promise<number> {
  const { defaults, sizes } = await inspectModel({ model })
  const { first, step } = sizes.frames
  const video = await readVideo(path, { maxFrames: defaults.frames, signal })
  let count = 0
  for await (const _ of video.frames) count++
  return first + Math.max(0, Math.floor((count - first) / step)) * step
}
