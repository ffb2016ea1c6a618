import { MediaError } from '../errors.ts'
import { fileKind } from './file-kind.ts'
import { readAnimation } from './read-animation.ts'
import { readMovie } from './read-movie.ts'
import { readPictureFolder } from './read-picture-folder.ts'
import type { ReadVideoOptions, VideoInput } from './video-input.ts'

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
