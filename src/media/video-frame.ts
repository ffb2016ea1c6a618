import type { VideoSample } from 'mediabunny'
import { MediaError } from '../errors.ts'
import { colourMatrix, matrixCode } from './colour-matrix.ts'
import { loadSharp } from './load-sharp.ts'
import { loadFrames } from './mediabunny.ts'
import { pixelLayout } from './pixel-layout.ts'
import { type DecodedPlanes, planesToRgb } from './planes-to-rgb.ts'

/** Where a decoded frame comes from, and how it is to be shown. */
export interface FrameContext {
  /** The file, for messages. */
  readonly path: string
  /** Size of the result. */
  readonly width: number
  readonly height: number
  /** What the container says; where it is silent the stream's own marks count. */
  readonly colours: VideoColorSpaceInit
}

/**
 * The picture of a decoded frame as RGB, [height, width, 3], upright and in square pixels.
 * Brightness curves are left as they are: HDR video looks flat.
 *
 * @throws MediaError when the pixel format or the colour matrix is one that is not understood
 */
export async function frameToRgb(sample: VideoSample, context: FrameContext): Promise<Uint8Array> {
  const { width, height } = context
  const { codedWidth, codedHeight, rotation, flip } = sample
  const rgb = await codedRgb(sample, context)
  const turned = rotation % 180 === 0 ? [codedWidth, codedHeight] : [codedHeight, codedWidth]
  if (rotation === 0 && !flip && turned[0] === width && turned[1] === height) return rgb
  const sharp = loadSharp()
  const upright = await sharp(rgb, { raw: { width: codedWidth, height: codedHeight, channels: 3 } })
    .rotate(rotation)
    .raw()
    .toBuffer()
  return sharp(upright, { raw: { width: turned[0]!, height: turned[1]!, channels: 3 } })
    .flop(flip)
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer()
}

/** A decoded picture and what it says of itself. */
interface DecodedFrame extends DecodedPlanes {
  /** The name of its pixel format, of FFmpeg or WebCodecs. */
  readonly format: string
  /** MatrixCoefficients of ITU-T H.273. */
  readonly matrix: number | undefined
}

async function codedRgb(sample: VideoSample, { path, colours }: FrameContext): Promise<Uint8Array> {
  const frame = await decodedFrame(sample)
  const packed = /^(rgb|bgr)[ax0]$/i.exec(frame.format)
  if (packed) return dropFourth(frame, packed[1]!.toLowerCase() === 'bgr')
  const layout = pixelLayout(frame.format)
  if (layout === undefined) throw notUnderstood(path, 'pixel format', frame.format)
  const matrix = colourMatrix(colours.matrix, frame.matrix, sample.codedHeight)
  if (typeof matrix === 'string') throw notUnderstood(path, 'colour matrix', matrix)
  const marked = colours.fullRange ?? sample.colorSpace.fullRange
  return planesToRgb(frame, layout, matrix, marked ?? layout.fullRange)
}

/** mediabunny has no name for many of FFmpeg's formats and matrices, so those are asked of FFmpeg's own frame. */
async function decodedFrame(sample: VideoSample): Promise<DecodedFrame> {
  const { codedWidth: width, codedHeight: height } = sample
  const { AvFrameVideoSampleResource, avGetPixFmtName } = await loadFrames()
  const resource = (sample as unknown as { readonly _data: unknown })._data
  if (resource instanceof AvFrameVideoSampleResource) {
    const { frame } = resource
    const planes = frame.data ?? []
    const starts = planes.map((_, index) =>
      planes.slice(0, index).reduce((sum, { length }) => sum + length, 0),
    )
    return {
      width,
      height,
      buffer: Buffer.concat(planes),
      planes: starts.map((offset, index) => ({ offset, stride: frame.linesize[index]! })),
      format: avGetPixFmtName(frame.format as Parameters<typeof avGetPixFmtName>[0]) ?? 'unknown',
      matrix: frame.colorSpace,
    }
  }
  const buffer = new Uint8Array(sample.allocationSize())
  const planes = await sample.copyTo(buffer)
  const matrix = matrixCode(sample.colorSpace.matrix)
  return { width, height, buffer, planes, format: sample.format ?? 'unknown', matrix }
}

function notUnderstood(path: string, what: string, got: string): MediaError {
  const advice =
    'Convert it first, for example: ffmpeg -i clip.mov -pix_fmt yuv420p -colorspace bt709 clip.mp4'
  return new MediaError('media/input', {
    subject: path,
    expected: `a ${what} that is supported`,
    got,
    advice,
  })
}

function dropFourth({ buffer, planes, width, height }: DecodedFrame, swap: boolean) {
  const rgb = new Uint8Array(width * height * 3)
  const { stride } = planes[0]!
  let at = 0
  for (let y = 0; y < height; y++) {
    for (let from = y * stride; from < y * stride + width * 4; from += 4, at += 3) {
      rgb[at] = buffer[swap ? from + 2 : from]!
      rgb[at + 1] = buffer[from + 1]!
      rgb[at + 2] = buffer[swap ? from : from + 2]!
    }
  }
  return rgb
}
