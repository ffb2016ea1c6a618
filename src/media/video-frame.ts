import type { VideoSample } from 'mediabunny'
import { loadSharp } from './load-sharp.ts'
import { lumaWeights, type YuvFormat, yuvToRgb } from './yuv-to-rgb.ts'

/**
 * The picture of a decoded frame as RGB, [height, width, 3], upright and in square pixels.
 * Brightness curves are left as they are: HDR video looks flat.
 *
 * @param width @param height the size of the result
 * @param colours what the container says; where it is silent the stream's own marks count
 * @throws Error when the pixel format is one that is not understood
 */
export async function frameToRgb(
  sample: VideoSample,
  width: number,
  height: number,
  colours: VideoColorSpaceInit,
): Promise<Uint8Array> {
  const { codedWidth, codedHeight, rotation, flip } = sample
  const rgb = await codedRgb(sample, colours)
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

async function codedRgb(sample: VideoSample, colours: VideoColorSpaceInit): Promise<Uint8Array> {
  const buffer = new Uint8Array(sample.allocationSize())
  const planes = await sample.copyTo(buffer)
  const packed = /^(RGB|BGR)[AX]$/.exec(sample.format ?? '')
  if (packed) return dropFourth(buffer, planes[0]!.stride, sample, packed[1] === 'BGR')
  return yuvToRgb(buffer, planes, sample.codedWidth, sample.codedHeight, yuvFormat(sample, colours))
}

function yuvFormat(sample: VideoSample, colours: VideoColorSpaceInit): YuvFormat {
  const parts = /^(?:I(420|422|444)A?(?:P(\d+))?|NV12)$/.exec(sample.format ?? '')
  if (parts === null) throw new Error(`pixel format ${sample.format ?? 'unknown'} is not understood`)
  const layout = parts[1] ?? '420'
  return {
    chromaShift: [layout === '444' ? 0 : 1, layout === '420' ? 1 : 0],
    depth: Number(parts[2] ?? 8),
    interleaved: sample.format === 'NV12',
    fullRange: colours.fullRange ?? sample.colorSpace.fullRange ?? false,
    weights: weightsOf(colours.matrix ?? sample.colorSpace.matrix, sample.codedHeight),
  }
}

/** Unmarked video below 720 lines is taken for BT.601, and from there on for BT.709, as players do. */
function weightsOf(matrix: string | null | undefined, height: number): YuvFormat['weights'] {
  if (matrix === 'bt709') return lumaWeights.bt709
  if (matrix === 'bt2020-ncl') return lumaWeights.bt2020
  if (matrix === 'bt470bg' || matrix === 'smpte170m') return lumaWeights.bt601
  if (matrix !== null && matrix !== undefined) throw new Error(`colour matrix ${matrix} is not understood`)
  return height < 720 ? lumaWeights.bt601 : lumaWeights.bt709
}

function dropFourth(
  buffer: Uint8Array,
  stride: number,
  { codedWidth, codedHeight }: VideoSample,
  swap: boolean,
) {
  const rgb = new Uint8Array(codedWidth * codedHeight * 3)
  let at = 0
  for (let y = 0; y < codedHeight; y++) {
    for (let from = y * stride; from < y * stride + codedWidth * 4; from += 4, at += 3) {
      rgb[at] = buffer[swap ? from + 2 : from]!
      rgb[at + 1] = buffer[from + 1]!
      rgb[at + 2] = buffer[swap ? from : from + 2]!
    }
  }
  return rgb
}
