import { describe, expect, test } from 'vitest'
import { normModulate } from '../../../kernels/norm-modulate/op.ts'
import type { NormModulateOptions } from '../../../kernels/norm-modulate/reference.ts'
import { Graph } from '../../../src/graph/graph.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { evaluate, filler, mistakeIn, type Operand, symbols } from '../graph/ops/evaluate.ts'

const width = 8
const epsilon = 1e-5
const rows: Operand = { shape: ['batch', 'frames', 'tokens', width] }
const perFrame: Operand = { shape: ['batch', 'frames', 1, width] }
const vector: Operand = { shape: [width] }

describe('rows', () => {
  const modulated: readonly [string, NormModulateOptions, Operand][] = [
    ['layer norm, a scale of 1 + s for every frame', { norm: 'layer', epsilon, offset: 1 }, perFrame],
    ['root mean square norm, the same', { norm: 'rms', epsilon, offset: 1 }, perFrame],
    ['layer norm with weight and bias', { norm: 'layer', epsilon, offset: 0 }, vector],
    ['root mean square norm with weight and bias', { norm: 'rms', epsilon, offset: 0 }, vector],
    ['layer norm, one deviation for all', { norm: 'layer', epsilon, offset: 1 }, vector],
  ]
  // Graphs in f32 and in 16 bits have other ops; the arithmetic is in f32 in both.
  const inPrecisions = (['f32', 'f16'] as const).flatMap(precision => {
    return modulated.map(([about, ...rest]) => [about, precision, ...rest] as const)
  })
  test.each(inPrecisions)('are normalised and modulated: %s, in %s', async (...given) => {
    const [, precision, options, modulation] = given
    const [result] = await evaluate(
      [rows, modulation, modulation],
      (x, scale, shift) => normModulate(x!, { scale: scale!, shift: shift! }, options),
      precision,
    )
    const count = symbols.batch * symbols.frames * symbols.tokens
    const groups = modulation === vector ? 1 : symbols.batch * symbols.frames
    const [x, scale, shift] = [filler(count * width), filler(groups * width, 1), filler(groups * width, 2)]
    for (let row = 0; row < count; row++) {
      const group = Math.floor(row / (count / groups))
      const values = x.slice(row * width, (row + 1) * width)
      const mean = options.norm === 'layer' ? values.reduce((sum, each) => sum + each, 0) / width : 0
      const variance = values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / width
      for (const [channel, value] of values.entries()) {
        const at = group * width + channel
        const unit = (value - mean) / Math.sqrt(variance + epsilon)
        const expected = unit * (options.offset + scale[at]!) + shift[at]!
        expect(result!.data[row * width + channel]).toBeCloseTo(expected, 4)
      }
    }
  })

  test('go through one node where the graph may use the kernel, and through ops of ONNX elsewhere', () => {
    const opsWith = (kernels: readonly string[]) => {
      const graph = new Graph('net', { precision: 'bf16', kernels: new Set(kernels) })
      const x = cast(graph.input('x', 'f32', rows.shape), 'bf16')
      const modulation = {
        scale: graph.input('scale', 'f32', perFrame.shape),
        shift: graph.input('shift', 'f32', perFrame.shape),
      }
      const result = normModulate(x, modulation, { norm: 'layer', epsilon, offset: 1 })
      expect([result.dtype, result.shape]).toEqual(['bf16', rows.shape])
      return graph.nodes.slice(1).map(({ op }) => op)
    }
    expect(opsWith(['norm-modulate'])).toEqual(['NormModulate'])
    const views = ['Flatten', 'Reshape', 'Shape']
    // 1 + scale, and the norm between its casts: the scale and the shift are its weights.
    expect(opsWith([]).filter(op => !views.includes(op))).toEqual([
      'Cast',
      'Add',
      'LayerNormalization',
      'Cast',
    ])
  })
})

describe('a mistake is named:', () => {
  const prefix =
    'net: blocks.3.attn: NormModulate: expected scale and shift in f32 of [8] or [batch, frames, 1, 8], got '
  const wrong = (scale: Operand, shift: Operand) =>
    mistakeIn([rows, scale, shift], (x, first, second) =>
      normModulate(x!, { scale: first!, shift: second! }, { norm: 'layer', epsilon, offset: 1 }),
    )

  test.each<[string, Operand, Operand, string]>([
    [
      'a scale for other rows',
      rows,
      rows,
      'f32 [batch, frames, tokens, 8] and f32 [batch, frames, tokens, 8].',
    ],
    ['two shapes', vector, perFrame, 'f32 [8] and f32 [batch, frames, 1, 8].'],
    ['another dtype', { ...vector, integers: [] }, vector, 'i64 [8] and f32 [8].'],
  ])('%s', (_, scale, shift, message) => {
    expect(wrong(scale, shift)).toThrow(`${prefix}${message}`)
  })
})
