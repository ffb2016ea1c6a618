import { z } from 'zod'
import { CheckpointError } from '../errors.ts'
import type { Picture } from './decode-picture.ts'
import type { Filter } from './filter-taps.ts'
import { toPlanes } from './planes.ts'
import { resampleWindow, type Size } from './resample.ts'

export interface ClipPixelValues {
  /** [3, size, size] */
  readonly data: Float32Array
  /** Side of the square, in pixels. */
  readonly size: number
}

/**
 * What CLIP's vision encoder takes of a picture: its shorter side resized, the middle cut out, levels scaled and
 * normalised, to the bit as transformers 5 does it through Pillow (`CLIPImageProcessorPil`; `CLIPImageProcessor`
 * where torchvision is not installed, and the slow processor of earlier versions). Levels can differ by one from what
 * torchvision's own resize gives.
 *
 * @param config contents of `preprocessor_config.json`
 * @throws CheckpointError `checkpoint/config` naming the option that is not supported
 */
export function clipPixelValues(picture: Picture, config: unknown): ClipPixelValues {
  const options = readClipProcessor(config)
  const size = options.crop_size
  const whole = options.do_resize ? resizedTo(picture, options.size) : picture
  const square = cropped(picture, whole, filters[options.resample], size)
  return { data: toPlanes(square, levelTables(options)), size }
}

/** Pillow's numbers of its filters. */
const filters: readonly [Filter, Filter, Filter, Filter, Filter, Filter] = [
  'nearest',
  'lanczos',
  'bilinear',
  'bicubic',
  'box',
  'hamming',
]

const side = z.number().int().min(1).max(4096)
const square = z.union([side, z.object({ height: side, width: side })])
const channels = z.tuple([z.number(), z.number(), z.number()])

/** The options of transformers' `CLIPImageProcessor` with their defaults; only a square crop fits the encoder. */
const clipProcessor = z.object({
  do_resize: z.boolean().default(true),
  size: z
    .union([square, z.object({ shortest_edge: side })])
    .transform(size => (typeof size === 'number' ? { shortest_edge: size } : size))
    .default({ shortest_edge: 224 }),
  resample: z.literal([0, 1, 2, 3, 4, 5]).default(3),
  do_center_crop: z.literal(true).default(true),
  crop_size: square
    .transform(size => (typeof size === 'number' ? { height: size, width: size } : size))
    .refine(size => size.height === size.width, 'a square')
    .transform(size => size.width)
    .default(224),
  do_rescale: z.boolean().default(true),
  rescale_factor: z.number().default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: channels.default([0.48145466, 0.4578275, 0.40821073]),
  image_std: channels.default([0.26862954, 0.26130258, 0.27577711]),
})

type ClipProcessor = z.infer<typeof clipProcessor>

function readClipProcessor(config: unknown): ClipProcessor {
  const result = clipProcessor.safeParse(config)
  if (result.success) return result.data
  const { path, message } = result.error.issues[0]!
  const got = path.reduce<unknown>((parent, key) => (parent as Record<PropertyKey, unknown>)?.[key], config)
  throw new CheckpointError('checkpoint/config', {
    subject: ['preprocessor_config.json', ...path].join(' '),
    expected: 'an option of CLIPImageProcessor that is supported',
    got: `${JSON.stringify(got) ?? 'nothing'} (${message})`,
  })
}

/** transformers' `get_resize_output_image_size`: the longer side is cut to whole pixels. */
function resizedTo({ width, height }: Picture, size: ClipProcessor['size']): Size {
  if (!('shortest_edge' in size)) return size
  const short = size.shortest_edge
  if (width <= height) return { width: short, height: Math.trunc((short * height) / width) }
  return { width: Math.trunc((short * width) / height), height: short }
}

/** The middle of the picture as it is when resized to `whole`; black where that is smaller than the square. */
function cropped(picture: Picture, whole: Size, filter: Filter, side: number): Picture {
  const top = Math.floor((whole.height - side) / 2)
  const left = Math.floor((whole.width - side) / 2)
  const inner = resampleWindow(picture, whole, filter, {
    top: Math.max(0, top),
    left: Math.max(0, left),
    width: Math.min(side, whole.width),
    height: Math.min(side, whole.height),
  })
  if (inner.width === side && inner.height === side) return inner
  const data = new Uint8Array(side * side * 3)
  for (let y = 0; y < inner.height; y++) {
    const row = inner.data.subarray(y * inner.width * 3, (y + 1) * inner.width * 3)
    data.set(row, ((y + Math.max(0, -top)) * side + Math.max(0, -left)) * 3)
  }
  return { width: side, height: side, data }
}

/** What each level of red, green and blue becomes, in transformers' steps of single precision. */
function levelTables(options: ClipProcessor): Float32Array[] {
  const factor = options.do_rescale ? options.rescale_factor : 1
  const levels = Float32Array.from({ length: 256 }, (_, level) => level * factor)
  if (!options.do_normalize) return [levels, levels, levels]
  return options.image_mean.map((mean, channel) => {
    const deviation = Math.fround(options.image_std[channel]!)
    return levels.map(level => Math.fround(level - Math.fround(mean)) / deviation)
  })
}
