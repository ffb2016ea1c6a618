import { productOf } from '../graph/dims.ts'
import type { Graph, Value } from '../graph/graph.ts'

/** Tables of rotary position embeddings, f32 [batch, tokens, width]. */
export interface RotaryTables {
  readonly cos: Value
  readonly sin: Value
}

/**
 * Inputs `rotary.cos` and `rotary.sin` for the tokens of a clip, frames · height · width.
 * @param width half of what they turn: of a head, or of all heads where each has tables of its own
 */
export function rotaryInputs(graph: Graph, width: number): RotaryTables {
  const shape = ['batch', productOf(['frames', 'height', 'width']), width]
  return { cos: graph.input('rotary.cos', 'f32', shape), sin: graph.input('rotary.sin', 'f32', shape) }
}
