/** Our kernels beside their references, row by row, in one graph: only sums of rows leave the device. */
import { gatedResidual } from '../../kernels/gated-residual/op.ts'
import { addedThroughGate } from '../../kernels/gated-residual/reference.ts'
import { linearLayer } from '../../kernels/linear/op.ts'
import { layerInOps } from '../../kernels/linear/reference.ts'
import { normModulate } from '../../kernels/norm-modulate/op.ts'
import { normalizedAndModulated } from '../../kernels/norm-modulate/reference.ts'
import { normSiluPlaces, normSiluWindows } from '../../kernels/norm-silu-windows/op.ts'
import { activeByPlace, windowsOfActive } from '../../kernels/norm-silu-windows/reference.ts'
import { qkNormRope } from '../../kernels/qk-norm-rope/op.ts'
import { normalizedAndRotated } from '../../kernels/qk-norm-rope/reference.ts'
import { residualNorm } from '../../kernels/residual-norm/op.ts'
import { normalizedInFloat8 } from '../../kernels/round-norm/reference.ts'
import { roundRows } from '../../kernels/round-rows/op.ts'
import { type Float8Rows, rowsInFloat8 } from '../../kernels/round-rows/reference.ts'
import { sumsInFloat8 } from '../../kernels/round-sums/reference.ts'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { multiply, subtract } from '../../src/graph/ops/elementwise.ts'
import { concat, reshape, slice } from '../../src/graph/ops/layout.ts'
import { matmulTransposed } from '../../src/graph/ops/matmul.ts'
import { sumOver } from '../../src/graph/ops/reduction.ts'
import { withRoundedResults } from '../../src/graph/rounded-results.ts'
import type { Backend } from '../../src/runtime/backend.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { largestRowError } from './relative-error.ts'
import { precisionOf, random, runOnce } from './single-op.ts'

export interface KernelSizes {
  readonly tokens: number
  readonly width: number
  /** Parts of the tokens, each fed as the rows of the part before, one further; their number divides the tokens. */
  readonly windows: number
  /** What the tokens are cut into where they are the channels of frames, and a row is a frame's channel. */
  readonly frames: number
}

/** A clip of 832x480 and 81 frames in a model of 14B parameters, and what a CPU does in a moment. */
const ofGpu: KernelSizes = { tokens: 32_760, width: 5120, windows: 8, frames: 195 }
const ofCpu: KernelSizes = { tokens: 64, width: 512, windows: 2, frames: 4 }

type GraphInputs = (name: string) => Value

interface Compared {
  readonly own: Value
  readonly reference: Value
}

/** A kernel's op on random numbers. */
interface KernelCase {
  /** Rows that fit the tokens, fed in windows. */
  readonly rows: readonly string[]
  readonly feeds: Readonly<Record<string, Tensor<'f32'>>>
  /** @param inner an input in the backend's precision; `outer` gives it in f32 */
  readonly build: (inner: GraphInputs, outer: GraphInputs) => Readonly<Record<string, Compared>>
}

const headDim = 128

function kernelCases({ tokens, width, windows, frames }: KernelSizes): Readonly<Record<string, KernelCase>> {
  const fed = tokens / windows + windows - 1
  const perRow = [1, 1, 1, width]
  const angles = random([1, tokens, headDim / 2], 5)
  const norm = { norm: 'layer', epsilon: 1e-6, offset: 1 } as const
  const heads = { epsilon: 1e-6, headDim }
  const layer = {
    x: random([1, 1, fed, width], 1),
    weight: scaledBy(random([width, width], 2), 1 / Math.sqrt(width)),
    bias: random([width], 3),
  }
  const residual = {
    x: random([1, 1, fed, width], 1),
    update: random([1, 1, fed, width], 2),
    gate: random(perRow, 3),
    scale: random(perRow, 4),
    shift: random(perRow, 5),
  }
  return {
    'qk-norm-rope': {
      rows: ['query', 'key'],
      feeds: {
        query: random([1, fed, width], 1),
        key: random([1, fed, width], 2),
        'query.scale': random([width], 3),
        'key.scale': random([width], 4),
        cos: tensor('f32', angles.shape, angles.data.map(Math.cos)),
        sin: tensor('f32', angles.shape, angles.data.map(Math.sin)),
      },
      build: (inner, outer) => {
        const projected = { query: inner('query'), key: inner('key') }
        const scales = { query: inner('query.scale'), key: inner('key.scale') }
        const rotary = { cos: outer('cos'), sin: outer('sin') }
        const own = qkNormRope(projected, scales, rotary, heads)
        const compared = (name: 'query' | 'key') => {
          return {
            own: own[name],
            reference: normalizedAndRotated(projected[name], scales[name], rotary, heads),
          }
        }
        return { query: compared('query'), key: compared('key') }
      },
    },
    'norm-modulate': {
      rows: ['x'],
      feeds: { x: random([1, 1, fed, width], 1), scale: random(perRow, 2), shift: random(perRow, 3) },
      build: (inner, outer) => {
        const modulation = { scale: outer('scale'), shift: outer('shift') }
        const x = inner('x')
        const reference = normalizedAndModulated(x, modulation, norm)
        return { rows: { own: normModulate(x, modulation, norm), reference } }
      },
    },
    'gated-residual': {
      rows: ['x', 'update'],
      feeds: {
        x: random([1, 1, fed, width], 1),
        update: random([1, 1, fed, width], 2),
        gate: random(perRow, 3),
      },
      build: (inner, outer) => {
        const operands = [inner('x'), inner('update'), outer('gate')] as const
        return { rows: { own: gatedResidual(...operands), reference: addedThroughGate(...operands) } }
      },
    },
    'norm-silu-windows': {
      rows: ['x'],
      feeds: {
        x: random([1, 1, fed, width], 1),
        history: random([2, tokens / frames, width / 64, 64], 2),
        scale: random([tokens / frames], 3),
      },
      build: inner => {
        const x = reshape(inner('x'), [frames, tokens / frames, width / 64, 64]) // [frames, channels, height, width]
        const operands = [x, inner('history'), inner('scale'), 1e-6] as const
        const rows = (found: Value) => reshape(found, ['=', '=', '*']) // [frames, 3·channels, height·width]
        const own = rows(normSiluWindows(...operands))
        const places = x.graph.constant(tensor('i32', [3], Int32Array.of(0, 0, frames - 1)))
        const placed = [x, { scale: inner('scale'), shift: inner('scale') }, places, 1e-8] as const
        return {
          channels: { own, reference: rows(windowsOfActive(...operands)) },
          places: { own: rows(normSiluPlaces(...placed)), reference: rows(activeByPlace(...placed)) },
        }
      },
    },
    'residual-norm': {
      rows: ['x', 'update'],
      feeds: residual,
      build: (inner, outer) => {
        const [rows, update, gate] = [inner('x'), inner('update'), outer('gate')]
        const modulation = { scale: outer('scale'), shift: outer('shift') }
        const own = residualNorm({ rows, update, gate }, modulation, norm)
        const sum = addedThroughGate(rows, update, gate)
        return {
          sum: { own: own.rows, reference: sum },
          norm: { own: own.normalized, reference: normalizedAndModulated(sum, modulation, norm) },
        }
      },
    },
    'round-rows': {
      rows: ['x'],
      feeds: { x: random([1, 1, fed, width], 1) },
      build: inner => {
        const x = inner('x')
        return { rows: { own: valuesOf(roundRows(x)), reference: valuesOf(rowsInFloat8(x)) } }
      },
    },
    'round-norm': {
      rows: ['x', 'update'],
      feeds: residual,
      build: (inner, outer) => {
        const [rows, update, gate] = [inner('x'), inner('update'), outer('gate')]
        const modulation = { scale: outer('scale'), shift: outer('shift') }
        const alone = normModulate(rows, modulation, norm)
        const { normalized } = residualNorm({ rows, update, gate }, modulation, norm)
        const sum = addedThroughGate(cast(rows, 'f32'), cast(update, 'f32'), gate)
        return {
          rows: {
            own: valuesOf(roundRows(alone)),
            reference: valuesOf(normalizedInFloat8(rows, modulation, norm)),
          },
          'after a sum': {
            own: valuesOf(roundRows(normalized)),
            reference: valuesOf(normalizedInFloat8(sum, modulation, norm)),
          },
        }
      },
    },
    'round-sums': {
      rows: ['x'],
      feeds: layer,
      build: inner => {
        const [x, floats, bias] = [inner('x'), inner('weight'), inner('bias')]
        const [rows, weight] = [rowsInFloat8(x), rowsInFloat8(floats)]
        const products = matmulTransposed(cast(rows.elements, 'f32'), cast(weight.elements, 'f32'))
        const compared = (gelu: boolean) => {
          const own = valuesOf(roundRows(linearLayer(x, { weight: { floats }, bias, gelu })))
          const reference = sumsInFloat8({
            sums: cast(products, x.dtype),
            rowScales: rows.scales,
            columnScales: reshape(weight.scales, [width]),
            bias,
            gelu,
          })
          return { own, reference: valuesOf(reference) }
        }
        return { rows: compared(false), 'after GELU': compared(true) }
      },
    },
    linear: {
      rows: ['x'],
      feeds: layer,
      build: inner => {
        const x = inner('x')
        const operands = { weight: inner('weight'), bias: inner('bias') }
        const compared = (gelu: boolean) => {
          const all = { ...operands, gelu }
          return { own: linearLayer(x, all), reference: layerInOps(x, all) }
        }
        const inFloat8 = { ...operands, weight: { floats: operands.weight } }
        const float8 = { own: linearLayer(x, inFloat8), reference: layerInOps(x, inFloat8) }
        return { rows: compared(false), 'after GELU': compared(true), 'in fp8': float8 }
      },
    },
  }
}

function scaledBy(of: Tensor<'f32'>, factor: number): Tensor<'f32'> {
  return tensor(
    'f32',
    of.shape,
    of.data.map(value => factor * value),
  )
}

/** What rows in 8 bits stand for. */
function valuesOf({ elements, scales }: Float8Rows): Value {
  return multiply(cast(elements, 'f32'), scales)
}

/** For every kernel of ours, the relative error of the row that is farthest from what ONNX's ops give for it. */
export async function kernelErrors(
  backend: Backend,
  sizes: KernelSizes = backend.device.type === 'cpu' ? ofCpu : ofGpu,
): Promise<Record<string, number>> {
  const errors: Record<string, number> = {}
  for (const [kernel, each] of Object.entries(kernelCases(sizes))) {
    if (!backend.kernels.has(kernel)) throw new Error(`kernels: expected ${kernel}, got none built.`)
    const graph = comparison(kernel, each, backend, sizes)
    const sums = await runOnce(backend, graph, each.feeds)
    for (const name of new Set(Object.keys(sums).map(key => key.split(', ')[0]!))) {
      const [differences, squares] = ['differences', 'squares'].map(sum =>
        float32Data(sums[`${name}, ${sum}`]),
      )
      errors[`${kernel}, ${name}`] = largestRowError(differences!, squares!)
    }
  }
  return errors
}

/** A graph that gives the sums of squares of every row: of what a kernel and its reference differ in, and of the reference. */
function comparison(
  kernel: string,
  { feeds, rows, build }: KernelCase,
  backend: Backend,
  { tokens, windows }: KernelSizes,
): Graph {
  const precision = precisionOf(backend)
  const graph = new Graph(kernel, { precision, kernels: backend.kernels })
  const inputs = new Map(
    Object.entries(feeds).map(([name, { shape }]) => {
      const fed = graph.input(name, 'f32', shape)
      return [name, rows.includes(name) ? windowsOf(fed, tokens / windows, windows) : fed]
    }),
  )
  const outer = (name: string) => inputs.get(name)!
  const squares = (x: Value) => sumOver(multiply(x, x), [-1])
  const compared = build(name => cast(outer(name), precision), outer)
  for (const [name, { own, reference }] of Object.entries(compared)) {
    const expected = cast(reference, 'f32')
    graph.output(`${name}, differences`, squares(subtract(cast(own, 'f32'), expected)))
    graph.output(`${name}, squares`, squares(expected))
  }
  return withRoundedResults(graph)
}

/** x [..., length + windows − 1, width] → [..., length · windows, width]; a window is a row further than the one before. */
function windowsOf(x: Value, length: number, windows: number): Value {
  const [first, ...others] = Array.from({ length: windows }, (_, at) => slice(x, -2, at, at + length))
  return concat([first!, ...others], -2) // [..., length · windows, width]
}
