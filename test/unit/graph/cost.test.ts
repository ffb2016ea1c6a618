import { describe, expect, test } from 'vitest'
import { wanTransformerConfig } from '../../../models/wan/config.ts'
import { wanContext } from '../../../models/wan/context.ts'
import { wanTransformer } from '../../../models/wan/transformer.ts'
import { wanDecoder } from '../../../models/wan/vae.ts'
import { wanVaeConfig } from '../../../models/wan/vae-config.ts'
import { addCosts, type GraphCost, graphCost, symbolsFrom } from '../../../src/graph/cost.ts'
import { evaluateDim } from '../../../src/graph/dims.ts'
import { Graph } from '../../../src/graph/graph.ts'
import { gelu } from '../../../src/graph/ops/activation.ts'
import { attention } from '../../../src/graph/ops/attention.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { conv2d } from '../../../src/graph/ops/convolution.ts'
import { add } from '../../../src/graph/ops/elementwise.ts'
import { reshape, slice, transpose } from '../../../src/graph/ops/layout.ts'
import { matmulTransposed } from '../../../src/graph/ops/matmul.ts'
import { rmsNorm } from '../../../src/graph/ops/normalization.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'
import type { GraphTarget } from '../../../src/pipeline/family.ts'
import { bytesPerElement } from '../../../src/tensor/dtype.ts'

function costOf(build: (graph: Graph) => void, symbols: Record<string, number> = {}): GraphCost {
  const graph = new Graph('counted', { precision: 'f32' })
  build(graph)
  return graphCost(graph, symbols)
}

describe('an op', () => {
  test('matrix product: two FLOPs a product, and every operand once', () => {
    const { classes, flops } = costOf(
      graph => {
        matmulTransposed(graph.input('x', 'f32', ['batch', 3, 5]), graph.input('w', 'f32', [7, 5]))
      },
      { batch: 2 },
    )
    expect(classes).toEqual({
      matmul: { nodes: 1, flops: 2 * 2 * 3 * 5 * 7, bytes: 4 * (2 * 3 * 5 + 7 * 5 + 2 * 3 * 7) },
    })
    expect(flops).toBe(420)
  })

  test('convolution: the kernel at every place of the result', () => {
    const { classes } = costOf(graph => {
      const kernel = graph.input('w', 'f16', [8, 3, 3, 5])
      const bias = graph.input('b', 'f16', [8])
      conv2d(graph.input('x', 'f16', [2, 3, 9, 11]), kernel, bias, { padding: [1, 2, 1, 2], stride: 1 })
    })
    const result = 2 * 8 * 9 * 11
    const bytes = 2 * (2 * 3 * 9 * 11 + 8 * 3 * 3 * 5 + 8 + result)
    expect(classes.convolution).toEqual({ nodes: 1, flops: 2 * result * 3 * 3 * 5, bytes })
  })

  test('attention: scores and their product with the values, the same for any number of heads', () => {
    for (const heads of [1, 4]) {
      const { classes } = costOf(
        graph => {
          const of = (name: string, rows: string) => graph.input(name, 'bf16', [1, rows, 16])
          attention(of('q', 'queries'), of('k', 'keys'), of('v', 'keys'), { heads })
        },
        { queries: 6, keys: 10 },
      )
      const flops = 2 * 6 * 10 * 16 + 2 * 6 * 10 * 16
      expect(classes.attention).toEqual({ nodes: 1, flops, bytes: 2 * 16 * (6 + 10 + 10 + 6) })
    }
  })

  test('elementwise, norm and movement: bytes alone', () => {
    const { classes, flops } = costOf(graph => {
      const x = graph.input('x', 'f32', [4, 8])
      const sum = add(x, graph.input('row', 'f32', [8]))
      const half = cast(gelu(sum, 'tanh'), 'bf16')
      transpose(half, [1, 0])
      rmsNorm(x, graph.input('scale', 'f32', [8]), 1e-6)
    })
    expect(flops).toBe(0)
    const elements = 4 * 8
    expect(classes).toEqual({
      elementwise: {
        nodes: 3,
        flops: 0,
        bytes: 4 * (2 * elements + 8) + 4 * 2 * elements + (4 + 2) * elements,
      },
      layout: { nodes: 1, flops: 0, bytes: 2 * 2 * elements },
      reduction: { nodes: 1, flops: 0, bytes: 4 * (2 * elements + 8) },
    })
  })

  test('a view moves nothing, and a slice reads no more than it gives', () => {
    const { classes } = costOf(graph => {
      const x = graph.input('x', 'f32', [10, 6])
      reshape(x, [5, 12])
      slice(x, 0, 2, 4)
    })
    expect(classes).toEqual({
      view: { nodes: 1, flops: 0, bytes: 0 },
      layout: { nodes: 1, flops: 0, bytes: 4 * 2 * 2 * 6 },
    })
  })
})

test('what follows from weights alone is left out where it is computed beforehand', () => {
  const graph = new Graph('folded', { precision: 'f32' })
  const stored = { dtype: 'bf16', shape: [3, 5], file: '/', offset: 0, bytes: 30 } as const
  const weight = cast(graph.weight('w', stored), 'f32')
  graph.output('y', matmulTransposed(graph.input('x', 'f32', [2, 5]), weight))
  expect(graphCost(graph, {}).classes.elementwise).toEqual({ nodes: 1, flops: 0, bytes: (2 + 4) * 15 })
  const { classes } = graphCost(graph, {}, { folded: true })
  expect(classes.elementwise).toBeUndefined()
  expect(classes.matmul).toEqual({ nodes: 1, flops: 2 * 2 * 3 * 5, bytes: 4 * (10 + 15 + 6) })
})

describe('the sizes behind symbols', () => {
  const graph = new Graph('sizes', { precision: 'f32' })
  graph.input('a', 'f32', ['h', 'w'])
  graph.input('b', 'f32', ['h*w', 3])

  test('are read from the shapes of inputs, those of products checked', () => {
    expect(symbolsFrom(graph, { a: [4, 5], b: [20, 3] })).toEqual({ h: 4, w: 5 })
    expect(symbolsFrom(graph, { a: [4, 5] })).toEqual({ h: 4, w: 5 })
    const strided = new Graph('strided', { precision: 'f32' })
    strided.input('x', 'f32', ['4*t+1', '8*h'])
    expect(symbolsFrom(strided, { x: [9, 24] })).toEqual({ t: 2, h: 3 })
    expect(() => symbolsFrom(strided, { x: [9, 25, 1] })).toThrow(/expected \[9, 25\], got \[9, 25, 1\]/)
  })

  test.each([
    [{ a: [4, 5], b: [21, 3] }, 'sizes: b: expected [20, 3], got [21, 3].'],
    [{ a: [4, 5, 1] }, 'sizes: a: expected [4, 5], got [4, 5, 1].'],
  ])('are refused where %j does not fit', (shapes, message) => {
    expect(() => symbolsFrom(graph, shapes)).toThrow(message)
  })
})

describe('a Wan transformer', () => {
  const transformerOf = (fields: object, target?: GraphTarget): Graph => {
    const config = wanTransformerConfig.parse(fields)
    let graph: Graph | undefined
    wantedTensors(weights => {
      graph = wanTransformer(config, weights, 'bf16', target)
    })
    return graph!
  }
  const costOfPass = (fields: object, sizes: Record<string, number>): GraphCost => {
    return graphCost(transformerOf(fields), { batch: 1, ...sizes })
  }
  const tiny = {
    num_attention_heads: 2,
    attention_head_dim: 8,
    ffn_dim: 24,
    num_layers: 1,
    text_dim: 10,
    freq_dim: 12,
    in_channels: 4,
    out_channels: 4,
  }

  test('costs what a hand count of one tiny layer gives', () => {
    const [width, ffn, frames, tokens, text] = [16, 24, 3, 3 * 4 * 5, 7]
    const { classes } = costOfPass(tiny, { frames, height: 4, width: 5, text })
    const linears =
      6 * tokens * width * width + // to_q, to_k, to_v and to_out of the first attention; to_q and to_out of the second
      2 * text * width * width + // to_k and to_v of the second, of the prompt's rows
      2 * tokens * width * ffn + // feed-forward
      2 * tokens * width * (4 * 1 * 2 * 2) + // patches in, and out
      frames * 12 * width + // time embedding: freq → width
      frames * width * width + // width → width
      frames * width * 6 * width // modulations
    expect(classes.matmul!.flops).toBe(2 * linears)
    const attentions = 2 * tokens * tokens * width + 2 * tokens * text * width
    expect(classes.attention!.flops).toBe(2 * attentions)
    expect(classes.other).toBeUndefined()
  })

  test('at 14B, 832x480 and 81 frames costs the published 1.68 PFLOP', () => {
    const { flops, classes } = costOfPass(
      { out_channels: 16 },
      { frames: 21, height: 30, width: 52, text: 512 },
    )
    expect(classes.attention!.flops / 1e12).toBeCloseTo(893, -1)
    expect(flops / 1e15).toBeCloseTo(1.68, 1)
  })

  test.each([
    ['a prompt', {}, 40],
    ['a prompt and a picture', { added_kv_proj_dim: 5120, image_dim: 1280 }, 45],
  ])(
    'at 14B is fed at most what takes milliseconds to send, in every pass, of %s',
    (_, fields, megabytes) => {
      const { inputs } = transformerOf({ out_channels: 16, ...fields })
      const symbols = { batch: 1, frames: 21, height: 30, width: 52, text: 512, image: 257 }
      const bytes = inputs.map(({ dtype, shape }) => {
        return shape.reduce<number>(
          (product, dim) => product * evaluateDim(dim, symbols),
          bytesPerElement(dtype),
        )
      })
      expect(bytes.reduce((sum, each) => sum + each, 0) / 1e6).toBeLessThan(megabytes)
    },
  )

  test('computes nothing of the prompt and the picture where they are fed in place', () => {
    const fields = { ...tiny, added_kv_proj_dim: 16, image_dim: 8 }
    const symbols = { batch: 1, frames: 3, height: 4, width: 5, text: 7, image: 9 }
    const [computed, fed] = [{}, { residentsInPlace: true }].map(target => {
      return graphCost(transformerOf(fields, target), symbols).classes.matmul!.flops
    })
    expect(computed! - fed!).toBe(2 * 2 * (7 + 9) * 16 * 16) // a key and a value of every row
  })

  test('and its prompt and decoder have no op that is not counted', () => {
    const graphs: Graph[] = []
    wantedTensors(weights => {
      graphs.push(wanContext(wanTransformerConfig.parse(tiny), weights, 'bf16'))
    })
    for (const chunk of ['first', 'next'] as const) {
      wantedTensors(weights => {
        graphs.push(wanDecoder(wanVaeConfig.parse({}), weights, 'f16', chunk))
      })
    }
    const symbols = { batch: 1, text: 9, frames: 2, height: 4, width: 6 }
    const costs = graphs.map(graph => graphCost(graph, symbols))
    for (const { classes, flops } of costs) {
      expect(classes.other).toBeUndefined()
      expect(flops).toBeGreaterThan(0)
    }
    expect(costs.reduce(addCosts).flops).toBe(costs.reduce((sum, { flops }) => sum + flops, 0))
  })
})
