import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { filledLike } from '../../src/graph/ops/constant.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { checkUpdate, gatedResidual } from '../gated-residual/op.ts'
import {
  checkModulation,
  type Modulation,
  type NormModulateOptions,
  normAttributes,
  normModulate,
} from '../norm-modulate/op.ts'

/** The folder of the kernel, as a graph's `kernels` has it. */
const kernel = 'residual-norm'

const op = 'ResidualNorm'

/** Rows, and what is still to be added to them. */
export interface Residual {
  /** [..., rows, width], f32, f16 or bf16 */
  readonly rows: Value
  /** Of the same shape and dtype. @default nothing */
  readonly update?: Value
  /** What the update is multiplied by, f32 [..., 1, width], for the rows of each group. @default 1 */
  readonly gate?: Value
  /** What a caller may ask for the sum as, see `Graph.named`. @default nothing */
  readonly name?: string
}

/** The sum rows + update · gate, computed in f32, given back in the dtype of the rows. */
export function residualSum({ rows, update, gate, name }: Residual): Value {
  const sum = update === undefined ? rows : gate ? gatedResidual(rows, update, gate) : add(rows, update)
  return name === undefined ? sum : rows.graph.named(name, sum)
}

/**
 * The sum of a residual, and its norm, scaled and shifted as `normModulate` does: computed in f32, given back in the dtype
 * of the rows. One pass over both where the graph may use the kernel; else the sum, then its norm.
 * @param modulation f32, both [width] or both [..., 1, width], for the rows of each group
 */
export function residualNorm(
  residual: Residual,
  modulation: Modulation,
  options: NormModulateOptions,
): { readonly rows: Value; readonly normalized: Value } {
  const { rows: x, update, gate, name } = residual
  const { graph } = x
  if (update === undefined || !graph.kernels.has(kernel)) {
    const rows = residualSum(residual)
    return { rows, normalized: normModulate(rows, modulation, options) }
  }
  checkUpdate(op, x, update, gate)
  checkModulation(op, x, modulation)
  const factor = gate ?? filledLike(modulation.scale, [Number(dimAt(x, -1))], 1)
  const inputs = [x, update, factor, modulation.scale, modulation.shift]
  const attributes = normAttributes(options)
  const [rows, normalized] = graph.addMany({ op, domain: 'framewright', inputs, attributes }, [x, x])
  return { rows: name === undefined ? rows! : graph.named(name, rows!), normalized: normalized! }
}
