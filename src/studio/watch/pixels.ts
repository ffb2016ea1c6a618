const smallWidth = 256

/** The class of a picture: one of few pixels is shown as pixels. */
export function pixelsClass(width: number): string {
  return width < smallWidth ? 'pixels' : ''
}
