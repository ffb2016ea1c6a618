/** Frames of a video element, by the time that the browser shows. */

/** The time to seek to for a frame: its middle, since its edges may be rounded to a neighbour's. */
export function middleOf(frame: number, fps: number): number {
  return (frame + 0.5) / fps
}

/**
 * Reports each frame that a video shows, from 0, with its time in seconds.
 * @returns ends it
 */
export function followFrames(
  video: HTMLVideoElement,
  { frames, fps }: { readonly frames: number; readonly fps: number },
  onFrame: (frame: number, seconds: number) => void,
): () => void {
  let handle = 0
  const next = (_: number, { mediaTime }: { readonly mediaTime: number }) => {
    onFrame(Math.min(frames - 1, Math.floor(mediaTime * fps + 0.25)), mediaTime)
    handle = video.requestVideoFrameCallback(next)
  }
  handle = video.requestVideoFrameCallback(next)
  return () => video.cancelVideoFrameCallback(handle)
}
