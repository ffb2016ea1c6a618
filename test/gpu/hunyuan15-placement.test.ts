/** Where ONNX Runtime's CUDA provider puts the graphs of HunyuanVideo 1.5 at its published size, as it runs on a GPU. */
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { hunyuan15 } from '../../models/hunyuan15/family.ts'
import { hunyuanPublished } from '../../models/hunyuan15/published.ts'
import { tensorsOf } from '../../src/benchmark/synthetic.ts'
import { Graph } from '../../src/graph/graph.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { weightBytesOf } from '../../src/graph/session-memory.ts'
import type { GraphRecipe, GraphTarget } from '../../src/pipeline/family.ts'
import { builtKernels } from '../../src/runtime/native-parts.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { buildAddon } from '../contract/native-addon.ts'
import { scratchFolder } from '../scratch.ts'
import { cudaMachine, openOnCuda } from './cuda-machine.ts'
import { buildKernels, noKernels } from './kernel-library.ts'

const scratch = scratchFolder()
const machine = await cudaMachine()
const missing = typeof machine === 'string' ? ` (skipped: ${machine})` : ''
if (typeof machine === 'string') console.warn(`test/gpu is skipped: ${machine}`)

const published = hunyuanPublished.find(({ name }) => name === 'hunyuan15-480p-i2v-step-distilled')!
/** Layers are alike: a few are placed as all of them are. */
const fewer = { transformer: { num_layers: 2 }, text_encoder: { num_hidden_layers: 4 } }
const components = Object.fromEntries(
  Object.entries(published.components).map(([name, config]) => {
    return [name, { ...config, ...fewer[name as keyof typeof fewer] }]
  }),
)
const { graphs } = await hunyuan15.load({
  folder: '/nowhere',
  index: published.index,
  components,
  defaults: {},
})

/** Of each role on a GPU. */
const precisions = { 'text-encoder': 'bf16', transformer: 'bf16', vae: 'f16' } as const

async function built(recipe: GraphRecipe, target?: GraphTarget) {
  const folder = path.join(scratch, recipe.name)
  const precision = precisions[recipe.role]
  await synthesizeWeights(tensorsOf([recipe], precision), folder)
  return recipe.build(new WeightLedger(await openWeights(folder)).graph(recipe.name), precision, target)
}

const named = { ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO: '1' }

function kernelsOf(messages: string): string[] {
  return [...new Set([...messages.matchAll(/SdpaKernel=(\w+)/g)].map(([, kernel]) => kernel!))]
}

const clip = { batch: 1, frames: 2, height: 6, width: 8 }

/** Sizes of a run. The VAE's convolutions need a real cuDNN: its attention is looked at by itself. */
const runs: Readonly<Record<string, Record<string, number>>> = {
  'text-encoder': { batch: 1, tokens: 600 },
  'glyph-encoder': { batch: 1, tokens: 256 },
  'image-encoder': { images: 1 },
  transformer: { ...clip, text: 600, glyph: 19, image: 729 },
}

/** Attention of one head as wide as the VAE's lowest level, from a frame at 480p to it and the one before. */
function frameAttention(): Graph {
  const graph = new Graph('frame attention', { precision: 'f16' })
  const rows = (name: string, count: number) => cast(graph.input(name, 'f32', [1, count, 1024]), 'f16')
  const [query, key, value] = [rows('query', 1590), rows('key', 3180), rows('value', 3180)]
  graph.output('mixed', cast(attention(query, key, value, { heads: 1 }), 'f32'))
  return graph
}

describe.skipIf(missing !== '')(`HunyuanVideo 1.5 on the CUDA provider${missing}`, () => {
  if (typeof machine === 'string') return

  test.each(graphs)('every node of the $name is taken, and each weight copied once', async recipe => {
    const graph = await built(recipe)
    const { messages, copied } = await openOnCuda(machine, graph)
    expect(messages).not.toMatch(/Memcpy/)
    const share = copied / weightBytesOf(graph)
    expect(share).toBeLessThan(1.01)
    expect(share).toBeGreaterThan(0.96)
  })

  describe.skipIf(noKernels)(`with our kernels${noKernels ? ` (skipped: ${noKernels})` : ''}`, () => {
    beforeAll(async () => {
      await Promise.all([buildAddon(), buildKernels()])
    })

    // Those of attention have no convolution after them.
    test.each([
      ['vae-encoder', 25, 1],
      ['vae-decoder-first', 35, 1],
      ['vae-decoder-next', 35, 1],
      ['vae-decoder-stem-next', 4, 1],
      ['vae-decoder-rest-next', 31, 0],
    ])(
      'every node of the %s is on the GPU, and a norm is one node with SiLU and its windows',
      async (name, joined, alone) => {
        const kernels = builtKernels()!
        const graph = await built(graphs.find(recipe => recipe.name === name)!, kernels)
        const { messages } = await openOnCuda(machine, graph, { kernels })
        expect(messages).not.toMatch(/Memcpy/)
        const count = (op: string) => graph.nodes.filter(node => node.op === op).length
        // Before a clip there is its first frame, twice: its norms are ops of ONNX.
        const before = name.endsWith('next') ? 0 : joined
        expect([count('NormSiluWindows'), count('RMSNormalization'), count('QuickGelu')]).toEqual([
          joined,
          alone + before,
          before,
        ])
      },
    )
  })

  test.each(Object.entries(runs))(
    'the %s runs, with the fused kernel where cuDNN has none',
    async (name, symbols) => {
      const graph = await built(graphs.find(recipe => recipe.name === name)!)
      const variables = { ORT_ENABLE_CUDNN_FLASH_ATTENTION: '0', ...named }
      const { failure, messages } = await openOnCuda(machine, graph, { symbols, variables })
      expect(failure).toBeUndefined()
      expect(messages).not.toMatch(/Memcpy/)
      expect(kernelsOf(messages)).toEqual(['EFFICIENT_ATTENTION'])
    },
  )

  test('the attention of the VAE takes the fused kernel', async () => {
    const { failure, messages } = await openOnCuda(machine, frameAttention(), {
      symbols: {},
      variables: named,
    })
    expect(failure).toBeUndefined()
    expect(kernelsOf(messages)).toEqual(['EFFICIENT_ATTENTION'])
  })

  test('the attention of the transformer takes the kernel of cuDNN', async () => {
    const graph = await built(graphs.find(({ name }) => name === 'transformer')!)
    const { messages } = await openOnCuda(machine, graph, { symbols: runs.transformer!, variables: named })
    expect(kernelsOf(messages)).toEqual(['CUDNN_FLASH_ATTENTION'])
  })

  test('the transformer runs without tokens of glyphs and of a picture', async () => {
    const graph = await built(graphs.find(({ name }) => name === 'transformer')!)
    const symbols = { ...clip, text: 21, glyph: 0, image: 0 }
    const variables = { ORT_ENABLE_CUDNN_FLASH_ATTENTION: '0' }
    const { failure } = await openOnCuda(machine, graph, { symbols, variables })
    expect(failure).toBeUndefined()
  })
})
