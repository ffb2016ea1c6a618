import { fadeIn, type Span } from './tiles.ts'

/** Numbers of pictures: [outer, height, width, inner], flat. Bytes are rounded when they are written. */
type Pixels = Uint8Array | Float32Array

export interface MosaicShape {
  /** Pictures, or planes of pictures. */
  readonly outer: number
  /** Numbers of a pixel that lie together. */
  readonly inner: number
  readonly height: number
  readonly width: number
}

/**
 * Pictures that are put together of tiles, a row of tiles at a time: within a row each tile fades in over the one to its
 * left, and the row over the one above. Tiles without data leave it without data.
 */
export class Mosaic<P extends Pixels> {
  readonly #shape: MosaicShape
  readonly #create: (length: number) => P
  #pixels: P

  /** @param create makes an array of zeros */
  constructor(shape: MosaicShape, create: (length: number) => P) {
    this.#shape = shape
    this.#create = create
    this.#pixels = create(0)
  }

  get pixels(): P {
    return this.#pixels
  }

  /** An empty row of tiles, `height` pixels high. */
  row(height: number): Mosaic<P> {
    return new Mosaic({ ...this.#shape, height }, this.#create)
  }

  /**
   * Puts a tile of the mosaic's height at a column.
   * @param first the plane that the tile begins with
   * @param weights of every column
   */
  pasteTile(tile: P, first: number, column: number, weights: Float32Array): void {
    const { height, width, inner } = this.#shape
    const tileWidth = weights.length
    const planes = tile.length / (height * tileWidth * inner)
    const fading = weights.findLastIndex(weight => weight !== 1) + 1
    for (let line = 0; line < planes * height; line++) {
      const to = ((first * height + line) * width + column) * inner
      const from = line * tileWidth * inner
      for (let x = 0; x < fading; x++) this.#mix(to + x * inner, tile, from + x * inner, inner, weights[x]!)
      this.#mix(to + fading * inner, tile, from + fading * inner, (tileWidth - fading) * inner, 1)
    }
  }

  /** Puts a whole row of tiles at a line. @param weights of every line */
  pasteRow(row: Mosaic<P>, line: number, weights: Float32Array): void {
    const { outer, height, width, inner } = this.#shape
    const length = width * inner
    if (row.pixels.length === 0) return
    for (let plane = 0; plane < outer; plane++) {
      weights.forEach((weight, y) => {
        const to = (plane * height + line + y) * length
        this.#mix(to, row.pixels, (plane * weights.length + y) * length, length, weight)
      })
    }
  }

  #mix(to: number, source: P, from: number, length: number, weight: number): void {
    if (weight === 0) return
    const pixels = this.#filled()
    if (weight === 1) {
      pixels.set(source.subarray(from, from + length), to)
      return
    }
    const rounds = pixels instanceof Uint8Array
    for (let index = 0; index < length; index++) {
      const old = pixels[to + index]!
      const mixed = old + weight * (source[from + index]! - old)
      pixels[to + index] = rounds ? Math.round(mixed) : mixed
    }
  }

  #filled(): P {
    const { outer, height, width, inner } = this.#shape
    if (this.#pixels.length === 0) this.#pixels = this.#create(outer * height * width * inner)
    return this.#pixels
  }
}

/** Weights of every span of an axis, pixel by pixel. */
export function fades(spans: readonly Span[], context: number, scale: number): Float32Array[] {
  return spans.map((span, index) => fadeIn(span, spans[index - 1], context, scale))
}
