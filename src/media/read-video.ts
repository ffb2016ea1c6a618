import { MediaError } from '../errors.ts'
import { fileKind } from './file-kind.ts'
import { readAnimation } from './read-animation.ts'
import { readMovie } from './read-movie.ts'
import { readPictureFolder } from './read-picture-folder.ts'

export interface ReadVideoOptions {
  /** Stop after this many frames. */
  readonly maxFrames?: number | undefined
  /** Aborting it ends the frames with a CancelledError. */
  readonly signal?: AbortSignal | undefined
}

export interface VideoInput {
  /** Size of the frames in pixels: upright, in square pixels. */
  readonly width: number
  readonly height: number
  /** Frames a second; undefined where nothing says it: a folder of pictures, or a single frame. */
  readonly fps: number | undefined
  /**
   * The frames in order, each [height, width, 3] RGB. They are decoded while one iterates, a few ahead, so memory
   * does not grow with the length. Every iteration starts from the first frame. Throws MediaError where the file
   * is broken.
   */
  readonly frames: AsyncIterable<Uint8Array>
}

/**
 * Opens a video for reading: MP4, MOV, WebM, Matroska, an animated GIF or WebP, or a folder of pictures of one
 * size in the order of their names.
 *
 * @throws MediaError when it is missing, broken, of another kind, without video or larger than 2^26 pixels a frame
 */
export async function readVideo(path: string, options: ReadVideoOptions = {}): Promise<VideoInput> {
  const kind = await fileKind(path)
  if (kind === 'movie') return readMovie(path, options)
  if (kind === 'folder') return readPictureFolder(path, options)
  if (kind === 'gif' || kind === 'webp') return readAnimation(path, options)
  const expected = 'a video (MP4, MOV, WebM, GIF) or a folder of pictures'
  throw new MediaError('media/input', { subject: path, expected, got: `a picture (${kind.toUpperCase()})` })
}
