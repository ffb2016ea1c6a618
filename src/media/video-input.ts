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
