import type { DType } from '../tensor/dtype.ts'
import type { Graph, Value } from './graph.ts'
import type { ExternalTensor } from './node.ts'

/**
 * How the bytes of a weight stand for its elements, where they are no plain array of floats: a few bits each with scales.
 * The bytes stay in their file; a graph decodes them each time it uses the weight, so that it never holds the floats of
 * more than one.
 */
export interface Encoding {
  /** What its tools call it: `float8_e4m3fn`, `Q4_K`. */
  readonly name: string
  /** Of elements that are floats of their own, scaled or not. */
  readonly elements?: DType
  /** Rows and columns are padded with zeros to multiples of it. @default 1 */
  readonly padding?: number
  /**
   * The elements in f32, in the weight's shape.
   * @param key names the weights of the graph
   * @param after a value that the graph computes: the weight is decoded after it, at every run
   */
  decode(graph: Graph, key: string, after: Value): Value
  /**
   * Rows of a table in f32: [...ids, width].
   * @param ids i64 row numbers
   */
  rows(graph: Graph, key: string, ids: Value): Value
  /**
   * The elements as they are stored and their scales, of a matrix in e4m3 with a scale for all elements or for each row.
   * @default it is stored in another way
   */
  readonly float8?: (graph: Graph, key: string) => StoredFloat8
  /** The encoding of some of the weight's rows alone. @default they are cut from the decoded whole */
  readonly part?: (first: number, count: number) => Encoding
  /**
   * Reads the scales that are too many to be read with the header of a file. @default they were read with it
   * @throws CheckpointError `checkpoint/tensors` where one is infinite or no number
   */
  readonly verify?: () => Promise<void>
}

/** A matrix [out, in] in e4m3: elements · scales. */
export interface StoredFloat8 {
  readonly elements: Value
  /** f32: [] for all elements, or [out] */
  readonly scales: Value
}

/** Whether a weight that is stored in one shape, with padding, can be one of another shape. */
export function fitsPadded(
  stored: readonly number[],
  shape: readonly number[],
  { padding = 1 }: Pick<Encoding, 'padding'>,
): boolean {
  const padded = shape.map(dim => Math.ceil(dim / padding) * padding)
  return stored.length === shape.length && padded.every((dim, axis) => dim === stored[axis])
}

/** A weight as a file holds it: an array of its dtype, or encoded. Of an encoded one dtype and shape are the elements'. */
export interface StoredWeight extends ExternalTensor {
  readonly encoding?: Encoding
}
