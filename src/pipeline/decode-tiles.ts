import { pixelFramesOf, toPixels, type VideoGeometry } from '../geometry/video-geometry.ts'
import { concatenate, sliceAxis } from '../tensor/axis.ts'
import { hollow, type Tensor, tensor } from '../tensor/tensor.ts'
import type { ChunkResult, ClipRun } from './clip-graphs.ts'
import { runClip } from './clip-run.ts'
import type { TiledDecoder } from './family.ts'
import { fades, Mosaic } from './mosaic.ts'
import { stageInput } from './stage-run.ts'
import { type Span, spansOf, tileOverlap } from './tiles.ts'

export interface DecodeTilesOptions extends Omit<ClipRun, 'graphs'> {
  readonly decoder: TiledDecoder
  readonly geometry: VideoGeometry
  /** Side of a tile, in latents. */
  readonly tile: number
}

/**
 * Decodes a clip in tiles. The stem, in which pixels may see the whole picture, is run on whole pictures: it works at the
 * resolution of the latents. The rest is run tile by tile, each through the whole clip, so that the caches of one tile
 * are held at a time. The frames come when all tiles are there.
 */
export async function* decodeTiles(
  options: DecodeTilesOptions,
): AsyncGenerator<ChunkResult, void, undefined> {
  const started = performance.now()
  const { geometry, input, outputs } = options
  const [, latentFrames, latentHeight, latentWidth] = input.tensor.shape as [number, number, number, number]
  const size = toPixels(geometry, { latentFrames, latentHeight, latentWidth })
  const features = await stemFeatures(options)
  const clip = clipOf(size, outputs.includes('decoded'))
  const { context } = options.decoder
  const overlap = tileOverlap(options.decoder)
  const rows = spansOf(latentHeight, options.tile, overlap)
  const columns = spansOf(latentWidth, options.tile, overlap)
  const scale = geometry.spatialStride
  const [rowFades, columnFades] = [fades(rows, context, scale), fades(columns, context, scale)]
  for (const [index, row] of rows.entries()) {
    const line = clipRow(clip, (row.end - row.start) * scale)
    for (const [place, column] of columns.entries()) {
      await decodeTile(options, features, { row, column }, (part, first) => {
        paste(line, part, first, column.start * scale, columnFades[place]!)
      })
    }
    clip.frames.pasteRow(line.frames, row.start * scale, rowFades[index]!)
    clip.decoded?.pasteRow(line.decoded!, row.start * scale, rowFades[index]!)
  }
  yield* inParts(clip, size, { ...options, seconds: (performance.now() - started) / 1000 })
}

/** f32 [frames, width, height, width] of the whole clip. */
async function stemFeatures(options: DecodeTilesOptions): Promise<Tensor> {
  const stem = { graphs: options.decoder.stem, outputs: ['features'] }
  const parts: Tensor[] = []
  for await (const { tensors } of runClip({ ...options, ...stem })) parts.push(tensors.features!)
  return concatenate(parts, 0)
}

interface Place {
  readonly row: Span
  readonly column: Span
}

/** @param take is given the results of every chunk, and the frame that they begin with */
async function decodeTile(
  options: DecodeTilesOptions,
  features: Tensor,
  place: Place,
  take: (tensors: Readonly<Record<string, Tensor>>, first: number) => void,
): Promise<void> {
  const [latentHeight, latentWidth] = features.shape.slice(2) as [number, number]
  const cut = (source: Tensor) => cutOut(source, place, latentHeight, latentWidth)
  const feeds = Object.entries(options.feeds).map(([name, feed]) => {
    return [name, feed.shape.length < 2 ? feed : cut(feed)] as const
  })
  const { decoder } = options
  const rest = {
    graphs: decoder.rest,
    input: { name: 'stages' in decoder.rest ? stageInput : 'features', tensor: cut(features), axis: 0 },
    feeds: Object.fromEntries(feeds),
  }
  let first = 0
  for await (const { tensors } of runClip({ ...options, ...rest })) {
    take(tensors, first)
    first += tensors.frames!.shape[0]!
  }
}

/** The part of a tensor's last two axes, height and width in multiples of the latents', that a tile covers. */
function cutOut(source: Tensor, { row, column }: Place, latentHeight: number, latentWidth: number): Tensor {
  const rank = source.shape.length
  const along = (from: Tensor, axis: number, { start, end }: Span, latents: number) => {
    const scale = from.shape[axis]! / latents
    return sliceAxis(from, axis, start * scale, end * scale)
  }
  return along(along(source, rank - 2, row, latentHeight), rank - 1, column, latentWidth)
}

/** The frames of a clip, and the same before rounding where that is asked for. */
interface Clip {
  readonly frames: Mosaic<Uint8Array>
  readonly decoded: Mosaic<Float32Array> | undefined
}

function clipOf({ frames, height, width }: ReturnType<typeof toPixels>, tensors: boolean): Clip {
  const bytes = { outer: frames, inner: 3, height, width }
  const numbers = { outer: 3 * frames, inner: 1, height, width }
  return {
    frames: new Mosaic(bytes, length => new Uint8Array(length)),
    decoded: tensors ? new Mosaic(numbers, length => new Float32Array(length)) : undefined,
  }
}

function clipRow({ frames, decoded }: Clip, height: number): Clip {
  return { frames: frames.row(height), decoded: decoded?.row(height) }
}

function paste(
  line: Clip,
  { frames, decoded }: Readonly<Record<string, Tensor>>,
  first: number,
  column: number,
  weights: Float32Array,
): void {
  line.frames.pasteTile(frames!.data as Uint8Array, first, column, weights)
  line.decoded?.pasteTile(decoded!.data as Float32Array, 3 * first, column, weights)
}

/** The clip in parts of as many frames as a chunk decodes to. */
function* inParts(
  { frames, decoded }: Clip,
  size: ReturnType<typeof toPixels>,
  { chunk, geometry, seconds }: Pick<DecodeTilesOptions, 'chunk' | 'geometry'> & { readonly seconds: number },
): Generator<ChunkResult> {
  const plane = size.height * size.width
  for (let first = 0; first < size.frames; ) {
    const last = Math.min(size.frames, first + pixelFramesOf(geometry, chunk + 1) - (first > 0 ? 1 : 0))
    const part = (
      dtype: 'u8' | 'f32',
      shape: readonly number[],
      { pixels }: Mosaic<Uint8Array | Float32Array>,
    ) =>
      pixels.length === 0
        ? hollow(dtype, shape)
        : tensor(dtype, shape, pixels.subarray(first * 3 * plane, last * 3 * plane))
    const count = last - first
    yield {
      tensors: {
        frames: part('u8', [count, size.height, size.width, 3], frames),
        ...(decoded && { decoded: part('f32', [count, 3, size.height, size.width], decoded) }),
      },
      seconds: first === 0 ? seconds : 0,
    }
    first = last
  }
}
