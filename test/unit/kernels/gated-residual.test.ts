import { describe, expect, test } from 'vitest'
import { gatedResidual } from '../../../kernels/gated-residual/op.ts'
import { Graph } from '../../../src/graph/graph.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { evaluate, filler, mistakeIn, type Operand, symbols } from '../graph/ops/evaluate.ts'

const width = 8
const rows: Operand = { shape: ['batch', 'frames', 'tokens', width] }
const perFrame: Operand = { shape: ['batch', 'frames', 1, width] }

describe('an update', () => {
  test('is added times the gate of its frame', async () => {
    const [result] = await evaluate([rows, rows, perFrame], (x, update, gate) =>
      gatedResidual(x!, update!, gate!),
    )
    const count = symbols.batch * symbols.frames * symbols.tokens * width
    const [x, update] = [filler(count), filler(count, 1)]
    const gate = filler(symbols.batch * symbols.frames * width, 2)
    for (let at = 0; at < count; at++) {
      const group = Math.floor(at / (symbols.tokens * width))
      const expected = x[at]! + update[at]! * gate[group * width + (at % width)]!
      expect(result!.data[at]).toBeCloseTo(expected, 5)
    }
  })

  test('goes through one node where the graph may use the kernel, and through ops of ONNX elsewhere', () => {
    const opsWith = (kernels: readonly string[]) => {
      const graph = new Graph('net', { precision: 'bf16', kernels: new Set(kernels) })
      const [x, update] = ['x', 'update'].map(name => cast(graph.input(name, 'f32', rows.shape), 'bf16'))
      const result = gatedResidual(x!, update!, graph.input('gate', 'f32', perFrame.shape))
      expect([result.dtype, result.shape]).toEqual(['bf16', rows.shape])
      return graph.nodes.slice(2).map(({ op }) => op)
    }
    expect(opsWith(['gated-residual'])).toEqual(['GatedResidual'])
    expect(opsWith([])).toEqual(['Cast', 'Cast', 'Mul', 'Add', 'Cast'])
  })
})

describe('a mistake is named:', () => {
  const prefix = 'net: blocks.3.attn: GatedResidual: expected '

  test.each<[string, number, Operand, string]>([
    [
      'an update of another shape',
      1,
      perFrame,
      'an update of [batch, frames, tokens, 8], got [batch, frames, 1, 8].',
    ],
    [
      'a gate for other rows',
      2,
      rows,
      'a gate in f32 of [batch, frames, 1, 8], got f32 [batch, frames, tokens, 8].',
    ],
    ['an update in another dtype', 1, { ...rows, integers: [] }, 'operands in f32, got i64.'],
    [
      'a gate in another dtype',
      2,
      { ...perFrame, integers: [] },
      'a gate in f32 of [batch, frames, 1, 8], got i64 [batch, frames, 1, 8].',
    ],
  ])('%s', (_, at, operand, message) => {
    const wrong = mistakeIn([rows, rows, perFrame].with(at, operand), (x, update, gate) =>
      gatedResidual(x!, update!, gate!),
    )
    expect(wrong).toThrow(`${prefix}${message}`)
  })
})
