/** What the layers of every family do in one pass where their graphs may use our kernels. */
import { expect, test } from 'vitest'
import { hunyuanTransformerConfig } from '../../../models/hunyuan15/config.ts'
import { hunyuanTransformer } from '../../../models/hunyuan15/transformer.ts'
import { ltxTransformerConfig } from '../../../models/ltx/config.ts'
import { ltxTransformer } from '../../../models/ltx/transformer.ts'
import { ltx2TransformerConfig } from '../../../models/ltx2/config.ts'
import { ltx2Transformer } from '../../../models/ltx2/transformer.ts'
import { wanTransformerConfig } from '../../../models/wan/config.ts'
import { wanTransformer } from '../../../models/wan/transformer.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { withRoundedResults } from '../../../src/graph/rounded-results.ts'
import type { WeightSource } from '../../../src/graph/scope.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'
import type { GraphTarget } from '../../../src/pipeline/family.ts'

const kernels = new Set(['gated-residual', 'norm-modulate', 'residual-norm'])
const forFloat8 = new Set([...kernels, 'linear', 'round-norm', 'round-rows', 'round-sums'])

type Build = (layers: number, weights: WeightSource, target: GraphTarget) => Graph

const vace = { vace_layers: [0, 1], vace_in_channels: 96 }

const networks: Readonly<Record<string, Build>> = {
  wan: (num_layers, weights, target) =>
    wanTransformer(wanTransformerConfig.parse({ num_layers }), weights, 'bf16', target),
  'wan without a norm before its cross-attention': (num_layers, weights, target) => {
    const fields = { num_layers, cross_attn_norm: false }
    return wanTransformer(wanTransformerConfig.parse(fields), weights, 'bf16', target)
  },
  vace: (num_layers, weights, target) =>
    wanTransformer(wanTransformerConfig.parse({ num_layers, ...vace }), weights, 'bf16', target),
  ltx: (num_layers, weights, target) =>
    ltxTransformer(ltxTransformerConfig.parse({ num_layers }), weights, 'bf16', target),
  'ltx-2': (num_layers, weights, target) =>
    ltx2Transformer(ltx2TransformerConfig.parse({ num_layers }), 8, weights, 'bf16', target),
  'hunyuan 1.5': (num_layers, weights, target) => {
    const config = hunyuanTransformerConfig.parse({ num_layers })
    return hunyuanTransformer(config, weights, 'bf16', { meanflow: false, ...target })
  },
}

/** What one more layer adds, beyond the two that get hints in VACE: how many nodes of each op. */
function ofLayer(build: Build, ops: readonly string[], inFloat8?: (key: string) => boolean): number[] {
  const target = { kernels: inFloat8 ? forFloat8 : kernels }
  const [fewer, more] = [2, 3].map(layers => {
    let graph: Graph | undefined
    wantedTensors(weights => {
      graph = build(layers, { ...weights, ...(inFloat8 && { inFloat8 }) }, target)
    }, 'bf16')
    return withRoundedResults(graph!)
  }) as [Graph, Graph]
  const count = (graph: Graph, op: string) =>
    graph.nodes.filter(node => node.op === op && !ofWeight(graph, node)).length
  return ops.map(op => count(more, op) - count(fewer, op))
}

function ofWeight(graph: Graph, { op, inputs }: Graph['nodes'][number]): boolean {
  return op === 'RoundRows' && graph.initializers.some(({ name }) => name === inputs[0])
}

test.each([
  ['wan', [3, 0, 0]],
  ['wan without a norm before its cross-attention', [2, 1, 0]],
  ['vace', [3, 0, 0]],
  ['ltx', [2, 1, 0]],
  ['ltx-2', [6, 2, 2]],
  ['hunyuan 1.5', [4, 0, 0]],
])('a layer of %s has a norm of its own only where no sum comes before', (name, expected) => {
  expect(ofLayer(networks[name]!, ['ResidualNorm', 'GatedResidual', 'NormModulate'])).toEqual(expected)
})

test.each([
  ['wan', [3, 0, 0, 1, 2]],
  ['ltx', [2, 0, 0, 1, 3]],
  ['ltx-2', [6, 2, 0, 2, 8]],
  ['hunyuan 1.5', [4, 0, 0, 2, 2]],
])('a layer of %s in 8-bit floats rounds within its norms and activations', (name, expected) => {
  const inFloat8 = (key: string) => /^(?:transformer_)?blocks\./.test(key) && !/\.norm1|_gate_/.test(key)
  const ops = ['RoundResidualNorm', 'RoundNorm', 'ResidualNorm', 'RoundSums', 'RoundRows']
  expect(ofLayer(networks[name]!, ops, inFloat8)).toEqual(expected)
})

test('a hint of VACE is one with the norm after it, and the sum of a layer keeps its name', () => {
  let graph: Graph | undefined
  wantedTensors(weights => {
    graph = networks.vace!(3, weights, { kernels })
  }, 'bf16')
  const { nodes, intermediates } = graph!
  const made = [...intermediates].map(([name, { name: value }]) => {
    return [name, nodes.find(({ outputs }) => outputs.includes(value))!.op]
  })
  expect(made).toEqual(['blocks.0', 'blocks.1', 'blocks.2'].map(name => [name, 'ResidualNorm']))
})
