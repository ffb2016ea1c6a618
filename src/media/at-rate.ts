/** A picture of a clip and when it is shown. */
export interface TimedPicture {
  /** Seconds since the clip began. */
  readonly time: number
  /** Its pixels, [height, width, 3] RGB. */
  pixels(): Promise<Uint8Array>
  /** Frees what it holds. */
  close(): void
}

/** Frames of a clip of `seconds` at a rate: the nearest whole number, at least one. */
export function framesAtRate(seconds: number, fps: number): number {
  return Math.max(1, Math.round(seconds * fps))
}

/**
 * The frames of a clip at a constant rate: frame k is the picture whose time is nearest to k / fps, as long as that is
 * not more than half a frame early. Pictures at that rate already are given once each, however their times were rounded;
 * a picture that is shown longer is given again, and pictures in between are left out.
 *
 * @param pictures in the order of their times; they are closed when they have been shown
 * @param count frames to give
 */
export async function* atRate(
  pictures: AsyncIterable<TimedPicture>,
  fps: number,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let shown: { readonly picture: TimedPicture; pixels?: Promise<Uint8Array> } | undefined
  let frame = 0
  const show = () => {
    frame++
    shown!.pixels ??= shown!.picture.pixels()
    return shown!.pixels
  }
  try {
    for await (const picture of pictures) {
      if (shown) {
        const early = Math.min(1 / fps, picture.time - shown.picture.time) / 2
        while (frame < count && picture.time - frame / fps > early + tieSeconds) yield await show()
        shown.picture.close()
      }
      shown = { picture }
      if (frame >= count) return
    }
    while (shown && frame < count) yield await show()
  } finally {
    shown?.picture.close()
  }
}

/** Of two pictures that are equally near, the earlier one is shown, whatever the last digit of their times says. */
const tieSeconds = -1e-6
