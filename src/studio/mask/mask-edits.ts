/** What is done to a mask, as data: it is drawn again at every size, and taken back step by step. */

/** Shares of the frame's width and height, from 0 to 1. */
export interface Point {
  readonly x: number
  readonly y: number
}

export interface Stroke {
  readonly type: 'stroke'
  readonly erases: boolean
  /** As a share of the frame's shorter side. */
  readonly radius: number
  /** At least one. */
  readonly points: readonly Point[]
}

export type MaskEdit = Stroke | { readonly type: 'invert' } | { readonly type: 'clear' }

/** What is painted is opaque, in a colour that shows on a frame. */
const paint = '#ff2f7d'

/** @param base what is painted over, as `maskLayer` gives it */
export function drawEdits(
  context: CanvasRenderingContext2D,
  edits: readonly MaskEdit[],
  base?: CanvasImageSource,
): void {
  const { width, height } = context.canvas
  context.clearRect(0, 0, width, height)
  if (base) context.drawImage(base, 0, 0)
  for (const edit of edits) drawEdit(context, edit)
}

export function drawEdit(context: CanvasRenderingContext2D, edit: MaskEdit): void {
  const { width, height } = context.canvas
  context.fillStyle = paint
  context.strokeStyle = paint
  if (edit.type === 'clear') context.clearRect(0, 0, width, height)
  else if (edit.type === 'stroke') drawStroke(context, edit)
  else {
    // Fills what is empty, and empties what is full.
    context.globalCompositeOperation = 'source-out'
    context.fillRect(0, 0, width, height)
  }
  context.globalCompositeOperation = 'source-over'
}

function drawStroke(context: CanvasRenderingContext2D, { erases, radius, points }: Stroke): void {
  const { width, height } = context.canvas
  const at = ({ x, y }: Point) => [x * width, y * height] as const
  const [first, ...others] = points
  context.globalCompositeOperation = erases ? 'destination-out' : 'source-over'
  context.lineWidth = 2 * radius * Math.min(width, height)
  context.lineCap = 'round'
  context.lineJoin = 'round'
  context.beginPath()
  context.moveTo(...at(first!))
  // A line to where it is has round ends: a dot.
  for (const point of others.length > 0 ? others : [first!]) context.lineTo(...at(point))
  context.stroke()
}

/** A mask file as a layer to paint on: opaque where it is white, of the size of the clip and in the shape that the model sees. */
export function maskLayer(
  picture: HTMLImageElement,
  {
    width,
    height,
    fit,
  }: { readonly width: number; readonly height: number; readonly fit: 'crop' | 'stretch' },
): HTMLCanvasElement {
  const canvas = canvasOf({ width, height })
  const context = canvas.getContext('2d')!
  const { naturalWidth, naturalHeight } = picture
  const cover = Math.max(width / naturalWidth, height / naturalHeight)
  const shown =
    fit === 'crop' ? { width: cover * naturalWidth, height: cover * naturalHeight } : { width, height }
  // What is transparent counts as white.
  context.fillStyle = 'white'
  context.fillRect(0, 0, width, height)
  context.drawImage(
    picture,
    (width - shown.width) / 2,
    (height - shown.height) / 2,
    shown.width,
    shown.height,
  )
  const image = context.getImageData(0, 0, width, height)
  // The red channel is what the model reads.
  for (let at = 0; at < image.data.length; at += 4) image.data[at + 3] = image.data[at]!
  context.putImageData(image, 0, 0)
  context.globalCompositeOperation = 'source-in'
  context.fillStyle = paint
  context.fillRect(0, 0, width, height)
  return canvas
}

export function canvasOf({
  width,
  height,
}: {
  readonly width: number
  readonly height: number
}): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  return canvas
}

/** The mask as a PNG, white where it is painted and black elsewhere. */
export function maskFile(painted: HTMLCanvasElement): Blob {
  const canvas = canvasOf(painted)
  const context = canvas.getContext('2d')!
  context.fillStyle = 'white'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.globalCompositeOperation = 'destination-in'
  context.drawImage(painted, 0, 0)
  context.globalCompositeOperation = 'destination-over'
  context.fillStyle = 'black'
  context.fillRect(0, 0, canvas.width, canvas.height)
  const [, text = ''] = canvas.toDataURL('image/png').split(',')
  return new Blob([Uint8Array.from(atob(text), character => character.charCodeAt(0))], { type: 'image/png' })
}

/** The share of a mask that is painted, from 0 to 1. */
export function paintedShare(context: CanvasRenderingContext2D): number {
  const { width, height } = context.canvas
  const { data } = context.getImageData(0, 0, width, height)
  let painted = 0
  for (let at = 3; at < data.length; at += 4) if (data[at]! > 127) painted++
  return painted / (width * height)
}
