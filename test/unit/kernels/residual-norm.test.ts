import { describe, expect, test } from 'vitest'
import { type Residual, residualNorm, residualSum } from '../../../kernels/residual-norm/op.ts'
import { Graph } from '../../../src/graph/graph.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { evaluate, filler, mistakeIn, type Operand, symbols } from '../graph/ops/evaluate.ts'

const width = 8
const epsilon = 1e-5
const norm = { norm: 'layer', epsilon, offset: 1 } as const
const rows: Operand = { shape: ['batch', 'frames', 'tokens', width] }
const perFrame: Operand = { shape: ['batch', 'frames', 1, width] }
const vector: Operand = { shape: [width] }
const kernels = ['gated-residual', 'norm-modulate', 'residual-norm']

describe('a residual', () => {
  const cases: readonly (readonly [string, 'gated' | 'plain', Operand])[] = [
    ['with a gate, modulated by frame', 'gated', perFrame],
    ['with a gate, modulated by the weights of a norm', 'gated', vector],
    ['without a gate', 'plain', perFrame],
  ]
  test.each(cases)('is added up, and its sum normalised and modulated: %s', async (_, kind, modulation) => {
    const [sum, normalized] = await evaluate(
      [rows, rows, perFrame, modulation, modulation],
      (x, update, gate, scale, shift) => {
        const residual = { rows: x!, update: update!, ...(kind === 'gated' && { gate: gate! }) }
        const result = residualNorm(residual, { scale: scale!, shift: shift! }, norm)
        return [result.rows, result.normalized]
      },
    )
    const count = symbols.batch * symbols.frames * symbols.tokens
    const groups = symbols.batch * symbols.frames
    const [x, update] = [filler(count * width), filler(count * width, 1)]
    const gate = filler(groups * width, 2)
    const scales = modulation === vector ? 1 : groups
    const [scale, shift] = [filler(scales * width, 3), filler(scales * width, 4)]
    for (let row = 0; row < count; row++) {
      const at = (channel: number) => row * width + channel
      const group = Math.floor(row / symbols.tokens) * width
      const expected = Array.from({ length: width }, (_, channel) => {
        const factor = kind === 'gated' ? gate[group + channel]! : 1
        return x[at(channel)]! + update[at(channel)]! * factor
      })
      const mean = expected.reduce((total, each) => total + each, 0) / width
      const variance = expected.reduce((total, each) => total + (each - mean) ** 2, 0) / width
      for (const [channel, value] of expected.entries()) {
        expect(sum!.data[at(channel)]).toBeCloseTo(value, 5)
        const place = (scales === 1 ? 0 : group) + channel
        const unit = (value - mean) / Math.sqrt(variance + epsilon)
        const modulated = unit * (1 + scale[place]!) + shift[place]!
        expect(normalized!.data[at(channel)]).toBeCloseTo(modulated, 4)
      }
    }
  })

  function build(
    names: readonly string[],
    residual: (rows: Residual['rows'], gate: Residual['rows']) => Residual,
  ) {
    const graph = new Graph('net', { precision: 'bf16', kernels: new Set(names) })
    const x = cast(graph.input('x', 'f32', rows.shape), 'bf16')
    const [gate, scale, shift] = ['gate', 'scale', 'shift'].map(name =>
      graph.input(name, 'f32', perFrame.shape),
    )
    const result = residualNorm(residual(x, gate!), { scale: scale!, shift: shift! }, norm)
    const about = [result.rows, result.normalized].map(({ dtype, shape }) => [dtype, shape])
    expect(about).toEqual(Array(2).fill(['bf16', rows.shape]))
    return { graph, result, ops: graph.nodes.slice(1).map(({ op }) => op) }
  }

  test('goes through one node where the graph may use the kernel, and through a sum and a norm elsewhere', () => {
    const gated = (x: Residual['rows'], gate: Residual['rows']) => ({ rows: x, update: x, gate })
    expect(build(kernels, gated).ops).toEqual(['ResidualNorm'])
    expect(build(kernels.slice(0, 2), gated).ops).toEqual(['GatedResidual', 'NormModulate'])
    expect(build(kernels, x => ({ rows: x, update: x })).ops).toEqual(['ResidualNorm'])
    expect(build([], x => ({ rows: x, update: x })).ops[0]).toBe('Add')
  })

  test('without an update is rows that are normalised', () => {
    const { ops, result, graph } = build(kernels, x => ({ rows: x }))
    expect(ops).toEqual(['NormModulate'])
    expect(result.rows.name).toBe(graph.nodes[0]!.outputs[0])
  })

  test.each([[kernels], [[]]])('gives its sum the name that a caller may ask for, with %j', names => {
    const { graph, result } = build(names, (x, gate) => ({ rows: x, update: x, gate, name: 'blocks.0' }))
    expect(graph.intermediates.get('blocks.0')).toBe(result.rows)
    const sum = residualSum({ rows: result.rows, update: result.rows, name: 'blocks.1' })
    expect(graph.intermediates.get('blocks.1')).toBe(sum)
  })
})

describe('a mistake is named:', () => {
  const modulation = [vector, vector]
  test.each<[string, Operand[], string]>([
    [
      'an update of another shape',
      [rows, perFrame, perFrame, ...modulation],
      'an update of [batch, frames, tokens, 8]',
    ],
    ['a gate for other rows', [rows, rows, rows, ...modulation], 'a gate in f32 of [batch, frames, 1, 8]'],
    [
      'a scale for other rows',
      [rows, rows, perFrame, rows, rows],
      'scale and shift in f32 of [8] or [batch, frames, 1, 8]',
    ],
  ])('%s', (_, operands, message) => {
    const wrong = mistakeIn(
      operands,
      (x, update, gate, scale, shift) =>
        residualNorm({ rows: x!, update: update!, gate: gate! }, { scale: scale!, shift: shift! }, norm).rows,
      kernels,
    )
    expect(wrong).toThrow(`net: blocks.3.attn: ResidualNorm: expected ${message}, got `)
  })
})
