import { MediaError } from '../errors.ts'
import { atRate, framesAtRate } from './at-rate.ts'
import { fileKind } from './file-kind.ts'
import type { ReadVideoOptions, StoredClip, VideoInput } from './video-input.ts'

/**
 * Opens a video for reading: MP4, MOV, WebM, Matroska, an animated GIF or WebP, or a folder of pictures of one
 * size in the order of their names.
 *
 * A video without a rate gives each of its pictures once, whatever rate is asked for.
 *
 * @throws MediaError when it is missing, broken, of another kind, without video or larger than 2^26 pixels a frame
 */
export async function readVideo(path: string, options: ReadVideoOptions = {}): Promise<VideoInput> {
  const { pictures, ...clip } = await openClip(path)
  const { maxFrames = Number.POSITIVE_INFINITY, signal } = options
  const fps = clip.fps === undefined ? undefined : (options.fps ?? clip.fps)
  const frameCount =
    fps === undefined ? clip.pictureCount : framesAtRate(clip.durationSeconds ?? clip.pictureCount / fps, fps)
  const most = Math.min(frameCount, maxFrames)
  // Pictures without times are one second apart, which gives each of them once.
  const frames = () => atRate(pictures(signal), fps ?? 1, most)
  return { ...clip, fps, sourceFps: clip.fps, frameCount, frames: { [Symbol.asyncIterator]: frames } }
}

/** @throws MediaError when it is missing, broken, of another kind or without video */
export async function openClip(path: string): Promise<StoredClip> {
  const kind = await fileKind(path)
  if (kind === 'movie') return (await import('./read-movie.ts')).openMovie(path)
  if (kind === 'folder') return (await import('./read-picture-folder.ts')).openPictureFolder(path)
  if (kind === 'gif' || kind === 'webp') return (await import('./read-animation.ts')).openAnimation(path)
  const expected = 'a video (MP4, MOV, WebM, GIF) or a folder of pictures'
  throw new MediaError('media/input', {
    subject: path,
    expected,
    got: `a picture (${kind.toUpperCase()})`,
    advice: 'A picture is for a first frame, a last frame or a keyframe.',
  })
}
