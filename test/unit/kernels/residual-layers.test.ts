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
import type { WeightSource } from '../../../src/graph/scope.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'

const kernels = new Set(['gated-residual', 'norm-modulate', 'residual-norm'])
const target = { kernels }

type Build = (layers: number, weights: WeightSource) => Graph

const vace = { vace_layers: [0, 1], vace_in_channels: 96 }

const networks: Readonly<Record<string, Build>> = {
  wan: (num_layers, weights) =>
    wanTransformer(wanTransformerConfig.parse({ num_layers }), weights, 'bf16', target),
  'wan without a norm before its cross-attention': (num_layers, weights) => {
    const fields = { num_layers, cross_attn_norm: false }
    return wanTransformer(wanTransformerConfig.parse(fields), weights, 'bf16', target)
  },
  vace: (num_layers, weights) =>
    wanTransformer(wanTransformerConfig.parse({ num_layers, ...vace }), weights, 'bf16', target),
  ltx: (num_layers, weights) =>
    ltxTransformer(ltxTransformerConfig.parse({ num_layers }), weights, 'bf16', target),
  'ltx-2': (num_layers, weights) =>
    ltx2Transformer(ltx2TransformerConfig.parse({ num_layers }), 8, weights, 'bf16', target),
  'hunyuan 1.5': (num_layers, weights) => {
    const config = hunyuanTransformerConfig.parse({ num_layers })
    return hunyuanTransformer(config, weights, 'bf16', { meanflow: false, kernels })
  },
}

/** What one more layer adds, beyond the two that get hints in VACE. */
function ofLayer(build: Build) {
  const [fewer, more] = [2, 3].map(layers => {
    let graph: Graph | undefined
    wantedTensors(weights => {
      graph = build(layers, weights)
    }, 'bf16')
    return graph!
  }) as [Graph, Graph]
  const count = (op: string) =>
    more.nodes.filter(node => node.op === op).length - fewer.nodes.filter(node => node.op === op).length
  return [count('ResidualNorm'), count('GatedResidual'), count('NormModulate')]
}

test.each([
  ['wan', [3, 0, 0]],
  ['wan without a norm before its cross-attention', [2, 1, 0]],
  ['vace', [3, 0, 0]],
  ['ltx', [2, 1, 0]],
  ['ltx-2', [6, 2, 2]],
  ['hunyuan 1.5', [4, 0, 0]],
])('a layer of %s has a norm of its own only where no sum comes before', (name, expected) => {
  expect(ofLayer(networks[name]!)).toEqual(expected)
})

test('a hint of VACE is one with the norm after it, and the sum of a layer keeps its name', () => {
  let graph: Graph | undefined
  wantedTensors(weights => {
    graph = networks.vace!(3, weights)
  }, 'bf16')
  const { nodes, intermediates } = graph!
  const made = [...intermediates].map(([name, { name: value }]) => {
    return [name, nodes.find(({ outputs }) => outputs.includes(value))!.op]
  })
  expect(made).toEqual(['blocks.0', 'blocks.1', 'blocks.2'].map(name => [name, 'ResidualNorm']))
})
