import type { TimedPicture } from './at-rate.ts'

export interface ReadVideoOptions {
  /** Stop after this many frames. */
  readonly maxFrames?: number | undefined
  /** The rate to give frames at. @default the rate of the video */
  readonly fps?: number | undefined
  /** Aborting it ends the frames with a CancelledError. */
  readonly signal?: AbortSignal | undefined
}

/** A clip as its file stores it, before its frames are brought to a constant rate. */
export interface StoredClip {
  /** Size of the frames in pixels: upright, in square pixels. */
  readonly width: number
  readonly height: number
  /** Frames per second; undefined where nothing says it: a folder of pictures, or a single frame. */
  readonly fps: number | undefined
  /** Whether pictures are shown for different times. */
  readonly variable: boolean
  /** Pictures that are stored and shown. */
  readonly pictureCount: number
  /** From the first picture to the end of the last one; undefined for a folder of pictures. */
  readonly durationSeconds: number | undefined
  /** Every picture once, in the order of their times. */
  pictures(signal: AbortSignal | undefined): AsyncIterable<TimedPicture>
}

export interface VideoInput extends Omit<StoredClip, 'pictures'> {
  /** Frames per second that the file stores; `fps` is another where one was asked for. */
  readonly sourceFps: number | undefined
  /** Frames that are given, before `maxFrames` ends them. */
  readonly frameCount: number
  /**
   * The frames in order, each [height, width, 3] RGB, at the constant rate `fps` by the times at which pictures are
   * shown. They are decoded while one iterates, a few ahead, so memory does not grow with the length. Every iteration
   * starts from the first frame. Throws MediaError where the file is broken.
   */
  readonly frames: AsyncIterable<Uint8Array>
}
