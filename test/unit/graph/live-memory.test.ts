import { expect, test } from 'vitest'
import { Graph } from '../../../src/graph/graph.ts'
import { LiveMemory } from '../../../src/graph/live-memory.ts'
import { silu } from '../../../src/graph/ops/activation.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { add } from '../../../src/graph/ops/elementwise.ts'
import { concat, reshape } from '../../../src/graph/ops/layout.ts'
import { tensor } from '../../../src/tensor/tensor.ts'

const n = 1000
const row = 4 * n

function graphOf(build: (graph: Graph) => void): Graph {
  const graph = new Graph('x', { precision: 'f32' })
  build(graph)
  return graph
}

test('a result lives to its last use, and a view is its operand', () => {
  const graph = graphOf(each => {
    const x = each.input('x', 'f32', ['n', 1])
    const joined = concat([x, x], 1) // 2 rows
    const four = concat([joined, joined], 1) // 4 rows, while the 2 are read
    each.output('y', concat([reshape(four, [1, '*']), reshape(four, [1, '*'])], 0)) // 8 rows, while the 4 are read
  })
  expect(new LiveMemory(graph).peakBytes({ n })).toBe(12 * row)
})

test('an elementwise result takes the place of an operand that nothing reads later', () => {
  const chain = graphOf(each => {
    const x = each.input('x', 'f32', ['n', 1])
    const joined = concat([x, x], 1)
    each.output('y', silu(silu(joined)))
  })
  expect(new LiveMemory(chain).peakBytes({ n })).toBe(2 * row)
  const read = graphOf(each => {
    const x = each.input('x', 'f32', ['n', 1])
    const joined = concat([x, x], 1)
    each.output('y', add(silu(joined), joined))
  })
  expect(new LiveMemory(read).peakBytes({ n })).toBe(4 * row)
})

test('what a node needs for itself counts while it runs, and what is made on loading does not', () => {
  const graph = graphOf(each => {
    const x = each.input('x', 'f32', ['n', 1])
    each.output('y', concat([x, x], 1))
  })
  expect(new LiveMemory(graph).peakBytes({ n }, ({ op }) => (op === 'Concat' ? 7 : 0))).toBe(2 * row + 7)
  const weights = graphOf(each => {
    const x = each.input('x', 'f32', ['n', 1])
    const wide = cast(each.constant(tensor('f16', [1, 1], new Uint16Array(1))), 'f32')
    each.output('y', add(x, wide))
  })
  const folded = new Set(weights.nodes.filter(({ op }) => op === 'Cast').flatMap(({ outputs }) => outputs))
  expect(new LiveMemory(weights).peakBytes({ n }) - new LiveMemory(weights, folded).peakBytes({ n })).toBe(4)
})

test('a graph is measured at one size after the other, each as if it were the first', () => {
  const graph = graphOf(each => {
    const x = each.input('x', 'f32', ['n', 1])
    const joined = concat([x, x], 1)
    each.output('y', concat([silu(joined), silu(joined)], 0))
  })
  const live = new LiveMemory(graph)
  // Both operands of two rows each, and the result of four.
  expect([n, 2 * n, n].map(size => live.peakBytes({ n: size }))).toEqual([8 * row, 16 * row, 8 * row])
})
