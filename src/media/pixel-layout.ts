/** How the samples of a decoded picture lie in memory. */
export interface PixelLayout {
  /** What the planes hold: luma and two colour differences, luma alone, or green, blue and red. */
  readonly kind: 'yuv' | 'grey' | 'gbr'
  /** Log2 of how many pixels share a chroma sample in x and y. */
  readonly chromaShift: readonly [x: number, y: number]
  /** Bits of a sample: 8, or up to 16 in two bytes, the low one first. */
  readonly depth: number
  /** Cb and Cr alternate in one plane. */
  readonly interleaved: boolean
  /** Whether the format itself says that black and white are 0 and the largest number. */
  readonly fullRange: boolean
}

/** Chroma subsampling J:a:b as log2 of the pixels per sample in x and y. */
const chromaShifts: Readonly<Record<string, readonly [x: number, y: number]>> = {
  '444': [0, 0],
  '440': [0, 1],
  '422': [1, 0],
  '420': [1, 1],
  '411': [2, 0],
  '410': [2, 2],
}

const planarYuv = /^yuv(a?)(j?)(444|440|422|420|411|410)p(?:(\d+)le)?$/
const grey = /^gray(?:(\d+)le)?$/
const planarRgb = /^gbra?p(?:(\d+)le)?$/
/** As WebCodecs names formats. */
const webCodecs = /^I(420|422|444)A?(?:P(\d+))?$/

/**
 * Reads the name of a planar pixel format, of FFmpeg (`yuv420p10le`) or WebCodecs (`I420P10`).
 * @returns undefined for a format that is not understood
 */
export function pixelLayout(name: string): PixelLayout | undefined {
  const layout = (
    kind: PixelLayout['kind'],
    sampling: string,
    depth = '8',
    fullRange = false,
  ): PixelLayout => {
    const chromaShift = chromaShifts[sampling]!
    return { kind, chromaShift, depth: Number(depth), interleaved: false, fullRange }
  }
  const [yuv, , jpeg, sampling, depth] = planarYuv.exec(name) ?? []
  if (yuv !== undefined) return layout('yuv', sampling!, depth, jpeg === 'j')
  const luma = grey.exec(name)
  if (luma) return layout('grey', '444', luma[1])
  const rgb = planarRgb.exec(name)
  if (rgb) return layout('gbr', '444', rgb[1], true)
  const web = webCodecs.exec(name)
  if (web) return layout('yuv', web[1]!, web[2])
  return name.toLowerCase() === 'nv12' ? { ...layout('yuv', '420'), interleaved: true } : undefined
}
