/** What is predicted for a GPU follows from the graphs as they are now. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  decoders,
  ownKernels,
  ownTarget,
  transformerCost,
  transformers,
} from '../../../../bench/gpu/predicted-networks.ts'
import { accelerators, counted } from '../../../../bench/gpu/predicted-times.ts'
import { predictionPage } from '../../../../bench/gpu/prediction-page.ts'
import { Graph } from '../../../../src/graph/graph.ts'
import { add } from '../../../../src/graph/ops/elementwise.ts'
import { reshape } from '../../../../src/graph/ops/layout.ts'
import { matmulTransposed } from '../../../../src/graph/ops/matmul.ts'
import type { GraphTarget } from '../../../../src/pipeline/family.ts'

test('prediction.md is what the graphs give: node dist/bench/gpu/prediction.js bench/gpu/prediction.md writes it', () => {
  expect(readFileSync('bench/gpu/prediction.md', 'utf8')).toBe(predictionPage())
})

describe('the time of an op', () => {
  const [h100] = accelerators
  const secondsOf = (build: (graph: Graph) => void) => {
    const graph = new Graph('timed', { precision: 'bf16' })
    build(graph)
    return counted(graph, {}).seconds[0]
  }

  test('is that of its bytes, of its FLOPs where they take longer, and of a launch at least', () => {
    const side = 8192
    const matrix = (graph: Graph, name: string) => graph.input(name, 'bf16', [side, side])
    expect(secondsOf(graph => add(matrix(graph, 'a'), matrix(graph, 'b')))).toBeCloseTo(
      (3 * 2 * side ** 2) / h100!.bandwidth,
      9,
    )
    expect(secondsOf(graph => matmulTransposed(matrix(graph, 'a'), matrix(graph, 'b')))).toBeCloseTo(
      (2 * side ** 3) / h100!.flops.matmul!,
      9,
    )
    expect(secondsOf(graph => add(graph.input('a', 'bf16', [2]), 1))).toBe(h100!.launch)
    expect(secondsOf(graph => reshape(matrix(graph, 'a'), [side * side]))).toBe(0)
  })
})

/** At 832×480 and 81 frames; a change that adds bytes has to say why. */
test('the passes of a layer of Wan 14B move 40.9 GB by ops of ONNX, and 6.1 GB with our kernels', () => {
  const large = transformers[1]!
  const layer = (target: GraphTarget) => transformerCost(large, target).layer
  expect(layer({}).passBytes / 1e9).toBeCloseTo(40.9, 1)
  expect(layer(ownTarget).passBytes / 1e9).toBeCloseTo(6.1, 1)
  expect([layer({}).nodes, layer(ownTarget).nodes]).toEqual([57, 19])
})

test.each([
  ['the norms', 'round-norm', 12 * 32_760 * 5120],
  // cuBLASLt scales rows and applies GELU without further bytes where it can; the scales of columns are read again.
  ['the sums', 'round-sums', -(4 * 32_760 + 6 * 13_824)],
])('rounding with %s saves so many bytes of a layer of Wan 14B in fp8: %s, %d', (_, kernel, bytes) => {
  const without = new Set([...ownKernels].filter(name => name !== kernel))
  const [all, less] = [ownTarget, { ...ownTarget, kernels: without }].map(target => {
    return transformerCost(transformers[1]!, target, true).layer
  })
  expect(less!.bytes - all!.bytes).toBe(bytes)
})

test.each([
  ['Wan 2.1, 81 frames', 4, 1726, 509.5],
  ['HunyuanVideo 1.5, 121 frames', 1, 5194.2, 2302.2],
  ['LTX-2, 121 frames', 1, 332.5, 203.8],
])(
  'the passes of the decoder of %s, %d latent frames at a time, move %d GB by ops of ONNX, and %d GB with our kernels',
  (about, chunk, byOps, byKernels) => {
    const { cost } = decoders.find(each => each.about === about && each.chunk === chunk)!
    const passes = (target: GraphTarget) => cost(target).passBytes / 1e9
    expect(passes({})).toBeCloseTo(byOps, 0)
    expect(passes(ownTarget)).toBeCloseTo(byKernels, 0)
  },
)

test('the kernels are those of the folders', () => {
  const folders = readdirSync('kernels').filter(name => existsSync(`kernels/${name}/operator.cc`))
  expect([...ownKernels].toSorted()).toEqual(folders.toSorted())
})
