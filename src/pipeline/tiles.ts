/**
 * Pictures that are decoded in tiles. A tile sees its surroundings up to its edge only, so near the edge it is wrong:
 * tiles overlap, the outer part of each overlap is cut off (`context`), and the middle fades from one tile to the next.
 */
import type { TiledDecoder } from './family.ts'

/** Latents over which one tile fades into the next. */
const fade = 2

/** Where a tile lies along an axis, in latents. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Latents that neighbouring tiles have in common. */
export function tileOverlap({ context }: Pick<TiledDecoder, 'context'>): number {
  return 2 * context + fade
}

/** Tiles of one side that cover an axis; the last one is moved back to end where the axis does. */
export function spansOf(length: number, side: number, overlap: number): Span[] {
  if (length <= side) return [{ start: 0, end: length }]
  const count = Math.ceil((length - overlap) / (side - overlap))
  return Array.from({ length: count }, (_, index) => {
    const start = Math.min(index * (side - overlap), length - side)
    return { start, end: start + side }
  })
}

/**
 * How much a tile counts against what is there of the tile before it, pixel by pixel: nothing in the context, then from
 * 0 to 1 over the fade, then all.
 * @param scale pixels a latent
 */
export function fadeIn(span: Span, before: Span | undefined, context: number, scale: number): Float32Array {
  const weights = new Float32Array((span.end - span.start) * scale).fill(1)
  if (!before) return weights
  const overlap = before.end - span.start
  const fading = (overlap - 2 * context) * scale
  for (let pixel = 0; pixel < overlap * scale; pixel++) {
    weights[pixel] = Math.min(1, Math.max(0, (pixel + 0.5 - context * scale) / fading))
  }
  return weights
}
