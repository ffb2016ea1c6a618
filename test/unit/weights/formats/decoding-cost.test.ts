/** What decoding GGUF takes on a GPU, as the documents have it. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { nodeCosts } from '../../../../src/graph/cost.ts'
import { Graph } from '../../../../src/graph/graph.ts'
import { cast } from '../../../../src/graph/ops/cast.ts'
import { matmulTransposed } from '../../../../src/graph/ops/matmul.ts'
import { sessionMemory } from '../../../../src/graph/session-memory.ts'
import { blockTypes } from '../../../../src/weights/formats/gguf/block-types.ts'
import { blockTensor } from '../../../../src/weights/formats/gguf/gguf-tensors.ts'

/** Of the largest layer of Wan 2.1 14B. */
const [rows, columns] = [13_824, 5120]
const elements = rows * columns

const gpu = { copied: false, foldLimitBytes: 1 << 20, castOnce: true }
const documented = readFileSync('docs/models-and-files.md', 'utf8')
const listed = [...blockTypes.values()].filter(({ name }) => /^Q(?:8_0|\d_K)$/.test(name))

test.each(listed.map(type => [type.name, type] as const))(
  'a layer of %s takes on a GPU what the documents say',
  (name, type) => {
    const stored = (elements / type.elements) * type.bytes
    const graph = new Graph('layer', { precision: 'bf16' })
    const x = graph.input('x', 'bf16', ['tokens', columns])
    const location = { key: 'weight', file: '/weights', offset: 0, bytes: stored, shape: [rows, columns] }
    const weight = cast(blockTensor(location, type).encoding!.decode(graph, 'weight', x), 'bf16')
    const decoding = graph.nodes.length
    graph.output('y', matmulTransposed(x, weight))
    const symbols = { tokens: 1 }
    const costs = nodeCosts(graph, symbols).slice(0, decoding)
    expect(costs.filter(({ opClass }) => opClass === 'other')).toEqual([])
    const moved = costs
      .filter(({ opClass }) => opClass !== 'view')
      .reduce((sum, { cost }) => sum + cost.bytes, 0)
    const megabytes = (bytes: number) => `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`
    const held = megabytes(sessionMemory(graph, gpu).arena(symbols))
    const row = documented.split('\n').find(line => line.startsWith(`| ${name} `) && line.includes(' MB '))
    const cells = row?.split('|').map(cell => cell.trim())
    expect(cells?.slice(1, -1)).toEqual([name, megabytes(stored), held, String(Math.round(moved / elements))])
  },
)
