import { lazyTensor, type Tensor } from '../tensor/tensor.ts'
import type { TokenGrid } from './video-geometry.ts'

/** What rotary tables are made of. */
export interface RotaryOptions {
  readonly grid: Pick<TokenGrid, 'frames' | 'height' | 'width'>
  /** Channels of one attention head; even. */
  readonly headDim: number
  /** Channels of a head for frames, rows and columns, all even. @default a third each, as in Wan */
  readonly axes?: readonly [frames: number, rows: number, columns: number]
  /** Base of the wavelengths; 10000 by default. */
  readonly theta?: number
}

/** Cosine and sine of the angle by which each pair of neighbouring channels of a head is turned: [1, tokens, pairs]. */
export interface RotaryTables {
  readonly cos: Tensor<'f32'>
  readonly sin: Tensor<'f32'>
}

/** Both tables of [tokens, pairs], each computed when it is first read. */
export function lazyRotaryTables(
  tokens: number,
  pairs: number,
  table: (turn: (angle: number) => number) => Float32Array,
): RotaryTables {
  const shape = [1, tokens, pairs]
  return {
    cos: lazyTensor('f32', shape, () => table(Math.cos)),
    sin: lazyTensor('f32', shape, () => table(Math.sin)),
  }
}

/**
 * 3-D rotary position tables (RoFormer, arXiv:2104.09864, eq. 15, one part of the head for each axis), as diffusers'
 * WanRotaryPosEmbed has them: unless `axes` says otherwise, height and width get a third of the head each, rounded down to
 * pairs, and time gets the rest. Angles are computed in float64. Tokens come in the order frames, height, width.
 * @throws RangeError for an odd head
 */
export function rotaryTables({ grid, headDim, axes, theta = 10000 }: RotaryOptions): RotaryTables {
  if (!(headDim > 0 && headDim % 2 === 0))
    throw new RangeError(`headDim: expected an even number, got ${headDim}.`)
  const pairs = headDim / 2
  const [timePairs, rowPairs, columnPairs] = axes
    ? (axes.map(channels => channels / 2) as [number, number, number])
    : thirds(headDim)
  const tokens = grid.frames * grid.height * grid.width
  const table = (turn: (angle: number) => number) =>
    spread(grid, pairs, [
      axisTable(grid.frames, timePairs, theta, turn), // [frames, timePairs]
      axisTable(grid.height, rowPairs, theta, turn), // [height, rowPairs]
      axisTable(grid.width, columnPairs, theta, turn), // [width, columnPairs]
    ])
  return lazyRotaryTables(tokens, pairs, table)
}

/** Tables by the names of a network's inputs. */
export function rotaryFeeds({ cos, sin }: RotaryTables) {
  return { 'rotary.cos': cos, 'rotary.sin': sin }
}

/** Pairs of frames, rows and columns. */
function thirds(headDim: number): [number, number, number] {
  const spatial = Math.floor(headDim / 6)
  return [headDim / 2 - 2 * spatial, spatial, spatial]
}

/** turn(position · theta^(−2·pair / dim)) of each position and pair, with dim = 2 · pairs: [positions, pairs]. */
function axisTable(
  positions: number,
  pairs: number,
  theta: number,
  turn: (angle: number) => number,
): Float32Array {
  const table = new Float32Array(positions * pairs)
  for (let pair = 0; pair < pairs; pair++) {
    const frequency = 1 / theta ** (pair / pairs)
    for (let position = 0; position < positions; position++) {
      table[position * pairs + pair] = turn(position * frequency)
    }
  }
  return table
}

/** Repeats the three axes' tables over the grid and lays them side by side: [tokens, pairs]. */
function spread(
  { frames, height, width }: RotaryOptions['grid'],
  pairs: number,
  [time, rows, columns]: readonly [Float32Array, Float32Array, Float32Array],
): Float32Array {
  const timePairs = time.length / frames
  const rowPairs = rows.length / height
  const columnPairs = columns.length / width
  const table = new Float32Array(frames * height * width * pairs)
  let at = 0
  for (let t = 0; t < frames; t++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let i = 0; i < timePairs; i++) table[at++] = time[t * timePairs + i]!
        for (let i = 0; i < rowPairs; i++) table[at++] = rows[y * rowPairs + i]!
        for (let i = 0; i < columnPairs; i++) table[at++] = columns[x * columnPairs + i]!
      }
    }
  }
  return table
}
