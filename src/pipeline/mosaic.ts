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
 * left, and the row over the one above.
 */
export class Mosaic<P extends Pixels> {
  readonly pixels: P
  readonly #shape: MosaicShape
  readonly #create: (length: number) => P

  /** @param create makes an array of zeros */
  constructor(shape: MosaicShape, create: (length: number) => P) {
    this.#shape = shape
    this.#create = create
    this.pixels = create(shape.outer * shape.height * shape.width * shape.inner)
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
    for (let line = 0; line < planes * height; line++) {
      const to = ((first * height + line) * width + column) * inner
      const from = line * tileWidth * inner
      for (let x = 0; x < tileWidth; x++) {
        this.#mix(to + x * inner, tile, from + x * inner, inner, weights[x]!)
      }
    }
  }

  /** Puts a whole row of tiles at a line. @param weights of every line */
  pasteRow(row: Mosaic<P>, line: number, weights: Float32Array): void {
    const { outer, height, width, inner } = this.#shape
    const length = width * inner
    for (let plane = 0; plane < outer; plane++) {
      weights.forEach((weight, y) => {
        const to = (plane * height + line + y) * length
        this.#mix(to, row.pixels, (plane * weights.length + y) * length, length, weight)
      })
    }
  }

  #mix(to: number, source: P, from: number, length: number, weight: number): void {
    const { pixels } = this
    if (weight === 0) return
    for (let index = 0; index < length; index++) {
      const [old, fresh] = [pixels[to + index]!, source[from + index]!]
      const mixed = weight === 1 ? fresh : old + weight * (fresh - old)
      pixels[to + index] = pixels instanceof Uint8Array ? Math.round(mixed) : mixed
    }
  }
}

/** Weights of every span of an axis, pixel by pixel. */
export function fades(spans: readonly Span[], context: number, scale: number): Float32Array[] {
  return spans.map((span, index) => fadeIn(span, spans[index - 1], context, scale))
}
