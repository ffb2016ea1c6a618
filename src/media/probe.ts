import { decodePicture, readPictureFile } from './decode-picture.ts'
import { fileKind } from './file-kind.ts'
import { openClip } from './read-video.ts'

/** What a picture or a video is, as requests are planned by. */
export interface MediaFacts {
  readonly kind: 'picture' | 'video'
  /** Size in pixels as it is shown: upright, in square pixels. */
  readonly width: number
  readonly height: number
  /** Pictures that are stored and shown. */
  readonly pictureCount: number
  /** Undefined for a picture, and for a folder of pictures without a rate. */
  readonly durationSeconds: number | undefined
  /** Frames per second; undefined for a picture, and where nothing says it. */
  readonly fps: number | undefined
  /** Whether pictures are shown for different times, so that `fps` is only the usual rate. */
  readonly variable: boolean
}

/**
 * What a picture, a video or a folder of pictures is. A GIF or WebP with one picture is a picture.
 * @throws MediaError when it is missing, broken, of another kind, or too large
 */
export async function probeMedia(path: string): Promise<MediaFacts> {
  const kind = await fileKind(path)
  if (kind === 'png' || kind === 'jpeg' || kind === 'avif') return probePicture(path)
  const { pictures: _, ...clip } = await openClip(path)
  const still = (kind === 'gif' || kind === 'webp') && clip.fps === undefined
  return { kind: still ? 'picture' : 'video', ...clip }
}

async function probePicture(path: string): Promise<MediaFacts> {
  const { width, height } = await decodePicture(await readPictureFile(path))
  const still = { pictureCount: 1, durationSeconds: undefined, fps: undefined, variable: false }
  return { kind: 'picture', width, height, ...still }
}
