import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ownTarget, transformerCost, transformers } from '../../bench/gpu/predicted-networks.ts'
import { normSiluWindows } from '../../kernels/norm-silu-windows/op.ts'
import { clipVisionConfig } from '../../models/clip/config.ts'
import { clipVisionEncoder } from '../../models/clip/vision-encoder.ts'
import { gemmaEncoder } from '../../models/gemma/encoder.ts'
import { gemma3Config } from '../../models/gemma/gemma3.ts'
import { ltxTransformerConfig } from '../../models/ltx/config.ts'
import { ltxContext } from '../../models/ltx/context.ts'
import { ltxTransformer } from '../../models/ltx/transformer.ts'
import { type LtxVaeConfig, ltxVaeConfig } from '../../models/ltx-vae/config.ts'
import { ltxDecoderStage, ltxEncoder } from '../../models/ltx-vae/vae.ts'
import { ltx2Caption } from '../../models/ltx2/caption.ts'
import { ltx2ConnectorsConfig, ltx2TransformerConfig, ltx2VaeConfig } from '../../models/ltx2/config.ts'
import { ltx2Connectors } from '../../models/ltx2/connectors.ts'
import { ltx2Transformer } from '../../models/ltx2/transformer.ts'
import { t5Config } from '../../models/t5/config.ts'
import { t5Encoder } from '../../models/t5/encoder.ts'
import { umt5Config } from '../../models/umt5/config.ts'
import { umt5Encoder } from '../../models/umt5/encoder.ts'
import { wanTransformerConfig } from '../../models/wan/config.ts'
import { wanContext } from '../../models/wan/context.ts'
import { textRows } from '../../models/wan/text.ts'
import { wanTransformer } from '../../models/wan/transformer.ts'
import { wanDecoder } from '../../models/wan/vae.ts'
import { wanVaeConfig } from '../../models/wan/vae-config.ts'
import { wanEncoder } from '../../models/wan/vae-encoder.ts'
import { stateGraph, stateOps } from '../../src/engine/state-graphs.ts'
import { Graph } from '../../src/graph/graph.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { withRoundedResults } from '../../src/graph/rounded-results.ts'
import type { WeightSource } from '../../src/graph/scope.ts'
import { weightBytesOf } from '../../src/graph/session-memory.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import { builtKernels, type KernelLibrary } from '../../src/runtime/native-parts.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { buildAddon, noAddon } from '../contract/native-addon.ts'
import { hasFixture } from '../fixtures.ts'
import { publishedComponents } from '../published.ts'
import { scratchFolder } from '../scratch.ts'
import { type CudaRun, type CudaTrace, cudaMachine, openOnCuda } from './cuda-machine.ts'
import { buildKernels, noKernels } from './kernel-library.ts'

const scratch = scratchFolder()
const machine = await cudaMachine()

type Config = Record<string, unknown>
type Build = (config: Config, weights: WeightSource, precision: FloatDType, target?: GraphTarget) => Graph

/** The stages of a decoder, by name. */
function decoderGraphs(
  schema: { parse(config: unknown): LtxVaeConfig },
  count: number,
): Record<string, Build> {
  const stages = Array.from({ length: count }, (_, index): [string, Build] => [
    `decoder ${index}`,
    (config, weights, precision, target) =>
      ltxDecoderStage(schema.parse(config), index, weights, precision, target),
  ])
  return Object.fromEntries(stages)
}

/** How the graphs of a component are built from its config, by name. */
const components: Readonly<
  Record<string, { readonly precision: FloatDType; readonly graphs: Record<string, Build> }>
> = {
  WanTransformer3DModel: {
    precision: 'bf16',
    graphs: {
      context: (config, weights, precision) =>
        wanContext(wanTransformerConfig.parse(config), weights, precision),
      transformer: (config, ...rest) => wanTransformer(wanTransformerConfig.parse(config), ...rest),
    },
  },
  UMT5EncoderModel: {
    precision: 'bf16',
    graphs: {
      encoder: (config, weights, precision) => umt5Encoder(umt5Config.parse(config), weights, precision),
    },
  },
  CLIPVisionModel: {
    precision: 'bf16',
    graphs: {
      encoder: (config, weights, precision) =>
        clipVisionEncoder(clipVisionConfig.parse(config), weights, precision),
    },
  },
  AutoencoderKLWan: {
    precision: 'f16',
    graphs: {
      'first decoder': (config, weights, precision, target) =>
        wanDecoder(wanVaeConfig.parse(config), weights, precision, 'first', target),
      decoder: (config, weights, precision, target) =>
        wanDecoder(wanVaeConfig.parse(config), weights, precision, 'next', target),
      'first encoder': (config, weights, precision, target) =>
        wanEncoder(wanVaeConfig.parse(config), weights, precision, 'first', target),
      encoder: (config, weights, precision, target) =>
        wanEncoder(wanVaeConfig.parse(config), weights, precision, 'next', target),
    },
  },
  LTXVideoTransformer3DModel: {
    precision: 'bf16',
    graphs: {
      context: (config, weights, precision) =>
        ltxContext(ltxTransformerConfig.parse(config), weights, precision),
      transformer: (config, ...rest) => ltxTransformer(ltxTransformerConfig.parse(config), ...rest),
    },
  },
  T5EncoderModel: {
    precision: 'bf16',
    graphs: {
      encoder: (config, weights, precision) => t5Encoder(t5Config.parse(config), weights, precision),
    },
  },
  AutoencoderKLLTXVideo: {
    precision: 'f16',
    graphs: {
      ...decoderGraphs(ltxVaeConfig, 5),
      encoder: (config, weights, precision) =>
        ltxEncoder(ltxVaeConfig.parse(config), 'whole', weights, precision),
    },
  },
  Gemma3ForConditionalGeneration: {
    precision: 'bf16',
    graphs: {
      encoder: (config, weights, precision) => gemmaEncoder(gemma3Config.parse(config), weights, precision),
    },
  },
  LTX2TextConnectors: {
    precision: 'bf16',
    graphs: {
      connectors: (config, weights, precision) =>
        ltx2Connectors(ltx2ConnectorsConfig.parse(config), weights, precision),
    },
  },
  LTX2VideoTransformer3DModel: {
    precision: 'bf16',
    graphs: {
      caption: (config, weights, precision) =>
        ltx2Caption(ltx2TransformerConfig.parse(config), weights, precision),
      transformer: (config, ...rest) =>
        ltx2Transformer(ltx2TransformerConfig.parse(config), soundChannels, ...rest),
    },
  },
  AutoencoderKLLTX2Video: {
    precision: 'f16',
    graphs: {
      ...decoderGraphs(ltx2VaeConfig, 5),
      encoder: (config, weights, precision) =>
        ltxEncoder(ltx2VaeConfig.parse(config), 'whole', weights, precision),
    },
  },
}

/** Channels of the latents of LTX-2's sound. */
const soundChannels = 8

const checkpoints = [
  'wan-t2v-1.3b',
  'wan21-umt5-xxl',
  'wan21-clip-vit-h',
  'wan21-vae',
  'ltx-video-0.9.1',
  'ltx-video-0.9.7',
  'ltx-t5-xxl',
  'ltx2',
  'ltx2.3',
  'ltx2-gemma3-12b',
].filter(name => hasFixture(`published/${name}.json`))

/** Parts that are no graphs of a component alone, or have tests of their own. */
const beside = new Set([
  'AutoencoderKLLTX2Audio',
  'LTX2Vocoder',
  'LTX2VocoderWithBWE',
  'LTX2LatentUpsamplerModel',
])

const cases = checkpoints.flatMap(checkpoint => {
  return Object.entries(publishedComponents(checkpoint)).flatMap(([component, about]) => {
    if (beside.has(about.class)) return []
    const { precision, graphs } = components[about.class]!
    const used = Object.entries(graphs).filter(([name]) => {
      const stage = /^decoder (\d+)$/.exec(name)?.[1]
      if (stage !== undefined) return Number(stage) <= (about.config.decoder_block_out_channels as []).length
      return name !== 'caption' || about.config.use_prompt_embeddings === true
    })
    return used.map(([name, build]) => {
      return { checkpoint, component, about, precision, graph: name, build }
    })
  })
})

/**
 * A graph over the tensors of a published checkpoint, zeros in files that take no space.
 * @param layers of transformers: they are all alike, so a few are placed as all of them are
 * @param target of transformers
 * @param inFloat8 layers that multiply in 8-bit floats
 */
async function buildPublished(
  { checkpoint, component, about, precision, graph, build }: (typeof cases)[number],
  layers = 3,
  target?: GraphTarget,
  inFloat8?: (key: string) => boolean,
) {
  const config = withLayers(about.config, layers)
  const folder = path.join(scratch, checkpoint, component)
  await synthesizeWeights(about.tensors, folder)
  const weights = new WeightLedger(await openWeights(folder)).graph(graph, { ...(inFloat8 && { inFloat8 }) })
  return withRoundedResults(build(config, weights, precision, target))
}

function withLayers(config: Config, layers: number): Config {
  if ('num_layers' in config) return { ...config, num_layers: layers }
  if (!('text_config' in config)) return config
  return { ...config, text_config: { ...(config.text_config as Config), num_hidden_layers: 2 * layers } }
}

/** cuDNN's attention plans nothing on stand-ins: runs that are to end take the other kernels. */
const withoutCudnnAttention = { ORT_ENABLE_CUDNN_FLASH_ATTENTION: '0' }

/** Makes ONNX Runtime say which kernel an attention takes. */
const attentionNames = { ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO: '1' }

/** The attentions that ran, by the names of their nodes, and the kernels that they took. */
function kernelsByNode(messages: string): [node: string, kernel: string][] {
  return [...messages.matchAll(/Node=(\S*).*?SdpaKernel=(\w+)/g)].map(([, node, kernel]) => [node!, kernel!])
}

/** One attention as transformers have it: 512 queries in 12 heads of 128. */
function attentionGraph(kind: 'plain' | 'bias' | 'key lengths'): Graph {
  const graph = new Graph(`attention, ${kind}`, { precision: 'bf16' })
  const tokens = (name: string) => cast(graph.input(name, 'f32', [1, 512, 1536]), 'bf16')
  const [query, key, value] = [tokens('query'), tokens('key'), tokens('value')]
  const options = {
    plain: () => ({}),
    bias: () => ({ bias: cast(graph.input('bias', 'f32', [1, 1, 512, 512]), 'bf16') }),
    'key lengths': () => ({ keyLengths: graph.input('lengths', 'i32', [1]) }),
  }
  graph.output('mixed', cast(attention(query, key, value, { heads: 12, ...options[kind]() }), 'f32'))
  return graph
}

const missing = typeof machine === 'string' ? ` (skipped: ${machine})` : ''
if (typeof machine === 'string') console.warn(`test/gpu is skipped: ${machine}`)

function open(graph: Graph, run?: CudaRun): Promise<CudaTrace> {
  if (typeof machine === 'string') throw new Error(machine)
  return openOnCuda(machine, graph, run)
}

describe.skipIf(missing !== '')(`on the CUDA provider${missing}`, () => {
  describe('every node is taken and each weight copied once', () => {
    test.each(cases)('of the $graph of $checkpoint/$component in $precision', async each => {
      const { precision } = each
      const graph = await buildPublished(each)
      const { messages, copied } = await open(graph)
      expect(messages).not.toMatch(/Memcpy/)
      // Casts of up to 1 MiB are done beforehand: what is stored in f32 arrives in half the bytes.
      const stored = weightBytesOf(graph)
      const share = copied / stored
      // What a decoder makes of its timestep is computed in f32: those weights arrive in twice the bytes.
      expect(copied - stored).toBeLessThan(Math.max(0.01 * stored, 1.5 * 2 ** 20))
      expect(share).toBeGreaterThan(precision === 'f16' ? 0.96 : 0.99)
    })
  })

  /** A reduction over channels that pixels come after is one of cuDNN, far from the bandwidth. */
  test.each(cases.filter(({ precision }) => precision === 'f16'))(
    'the $graph of $checkpoint/$component takes the norm of channels row by row',
    async each => {
      const { nodes } = await buildPublished(each)
      expect(nodes.filter(({ op }) => op === 'ReduceL2')).toEqual([])
      expect(nodes.some(({ op }) => op === 'RMSNormalization')).toBe(true)
    },
  )

  test.each(Object.keys(stateOps))('what is done to the state of a run is taken: %s', async op => {
    const { messages } = await open(stateGraph(op, 5))
    expect(messages).not.toMatch(/Memcpy/)
  })

  test.each(['plain', 'bias', 'key lengths'] as const)(
    'attention (%s) in bf16 takes the kernel of cuDNN',
    async kind => {
      const { messages } = await open(attentionGraph(kind), { symbols: {}, variables: attentionNames })
      expect(/SdpaKernel=(\w+)/.exec(messages)?.[1]).toBe('CUDNN_FLASH_ATTENTION')
    },
  )

  /** At 768x512 and 121 frames, with 1024 tokens of text: rows of queries and keys, and the channels that 32 heads share. */
  const ltx2Attentions = [
    ['attn1', 6144, 6144, 4096],
    ['audio_attn1', 126, 126, 2048],
    ['attn2', 6144, 1024, 4096],
    ['audio_attn2', 126, 1024, 2048],
    ['audio_to_video_attn', 6144, 126, 2048],
    ['video_to_audio_attn', 126, 6144, 2048],
  ] as const

  test.each(ltx2Attentions)('%s of LTX-2 takes the kernel of cuDNN', async (name, queries, keys, width) => {
    const graph = new Graph(name, { precision: 'bf16' })
    const tokens = (role: string, rows: number) => cast(graph.input(role, 'f32', [1, rows, width]), 'bf16')
    const [query, key, value] = [tokens('query', queries), tokens('key', keys), tokens('value', keys)]
    graph.output('mixed', cast(attention(query, key, value, { heads: 32 }), 'f32'))
    const { messages } = await open(graph, { symbols: {}, variables: attentionNames })
    expect(kernelsByNode(messages).map(([, kernel]) => kernel)).toEqual(['CUDNN_FLASH_ATTENTION'])
  })

  /**
   * Of every layer; a change that adds some has to say why. Keys and values of the prompt are among them, which this backend
   * would send to the GPU in every pass. Wan's weights are stored in f32: 10 casts on this backend.
   */
  const launchesPerLayer = { 'wan-t2v-1.3b': 64, 'ltx-video-0.9.1': 59 } as const

  test.each(Object.entries(launchesPerLayer))(
    'a layer of %s is %d launches',
    async (checkpoint, launches) => {
      expect(await launchesOfLayer(checkpoint)).toHaveLength(launches)
    },
  )

  /** As where there is no cuDNN, or a GPU for which it has no attention. */
  test.each([64, 65, 71])(
    'a prompt of %d tokens is attended to without the attention of cuDNN',
    async tokens => {
      const transformer = cases.find(
        each => each.graph === 'transformer' && each.checkpoint === 'wan-t2v-1.3b',
      )!
      const graph = await buildPublished(transformer, 1)
      const symbols = { batch: 1, frames: 2, height: 16, width: 16, text: textRows(tokens, 512, 8) }
      const variables = { ...withoutCudnnAttention, ...attentionNames }
      const { failure, messages } = await open(graph, { symbols, variables })
      expect(failure).toBeUndefined()
      const kernels = [...messages.matchAll(/SdpaKernel=(\w+)/g)].map(([, name]) => name)
      expect(new Set(kernels)).toEqual(new Set(['EFFICIENT_ATTENTION']))
      const unaligned = await open(graph, { symbols: { ...symbols, text: 66 }, variables })
      expect(unaligned.failure).toMatch(/Attention::check_supported/)
    },
  )

  const unbuilt = noAddon ? ` (skipped: ${noAddon})` : ''
  test.skipIf(noAddon)(`what a native session keeps is fed again without a copy${unbuilt}`, async () => {
    await buildAddon()
    const graph = new Graph('kept', { precision: 'f32' })
    graph.output('y', add(graph.input('x', 'f32', [256, 1024]), 1))
    const { failure, copiedAgain } = await open(graph, { symbols: {}, again: 'x' })
    expect(failure).toBeUndefined()
    expect(copiedAgain).toEqual({ toDevice: 0, toHost: 4 * 256 * 1024 })
  })

  const noLibrary = noKernels ?? noAddon
  describe.skipIf(noLibrary)(`with our own kernels${noLibrary ? ` (skipped: ${noLibrary})` : ''}`, () => {
    beforeAll(async () => {
      await Promise.all([buildAddon(), buildKernels()])
    })

    /**
     * One for the norms and rotations of queries and keys, which are eight without; one for every sum with the norm of it,
     * which are nine or ten. Weights are cast when the session is opened.
     */
    const launchesWithKernels = { 'wan-t2v-1.3b': 19, 'ltx-video-0.9.1': 25 } as const

    const products = [...Array(7).fill('cublasLtMatmul_bias'), 'cublasLtMatmul_gelu_bias']
    const ownOfLayer = {
      'wan-t2v-1.3b': [...products, 'qk_norm_rope_bf16_8', ...Array(3).fill('residual_norm_bf16_8')],
      // Its cross-attention has no norm before it.
      'ltx-video-0.9.1': [
        ...products,
        'gated_residual_bf16_8',
        'qk_norm_rope_bf16_8',
        ...Array(2).fill('residual_norm_bf16_8'),
      ],
    } as const

    test.each(['wan-t2v-1.3b', 'ltx-video-0.9.1'] as const)(
      'every node of %s is on the GPU without copies between, and a layer is so many launches',
      async checkpoint => {
        const found = await launchesOfLayer(checkpoint, builtKernels())
        expect(found.filter(name => /^(gated|norm|qk|residual)_|^cublasLt/.test(name)).toSorted()).toEqual(
          ownOfLayer[checkpoint],
        )
        expect(found).toHaveLength(launchesWithKernels[checkpoint])
      },
    )

    test('a sum and its norm are apart where their kernel is left out', async () => {
      const library = builtKernels()!
      const kernels = new Set([...library.kernels].filter(name => name !== 'residual-norm'))
      const found = await launchesOfLayer('wan-t2v-1.3b', { ...library, kernels })
      const own = found.filter(name => /^(gated|norm|qk|residual)_/.test(name))
      expect(own.toSorted()).toEqual([
        ...Array(2).fill('gated_residual_bf16_8'),
        ...Array(3).fill('norm_modulate_bf16_8'),
        'qk_norm_rope_bf16_8',
      ])
      expect(found).toHaveLength(launchesWithKernels['wan-t2v-1.3b'] + 3)
    })

    test.each(cases.filter(({ about }) => about.class === 'AutoencoderKLWan'))(
      'every node of the $graph is on the GPU, and a norm is one node with SiLU and its windows',
      async each => {
        const kernels = builtKernels()!
        const graph = await buildPublished(each, 1, kernels)
        const { messages } = await open(graph, { kernels })
        expect(messages).not.toMatch(/Memcpy/)
        const count = (op: string) => graph.nodes.filter(node => node.op === op).length
        // That of the attention in the middle has no convolution after it.
        expect([count('RMSNormalization'), count('QuickGelu')]).toEqual([1, 0])
        expect(count('NormSiluWindows')).toBe(each.graph.endsWith('encoder') ? 21 : 29)
      },
    )

    test.each(
      cases.filter(({ about, graph }) => /^AutoencoderKLLTX/.test(about.class) && /^decoder/.test(graph)),
    )(
      'every node of the $graph of $checkpoint is on the GPU, and norms before convolutions are one node each',
      async each => {
        const kernels = builtKernels()!
        const graph = await buildPublished(each, 1, kernels)
        const { messages } = await open(graph, { kernels })
        expect(messages).not.toMatch(/Memcpy/)
        const count = (of: Graph, op: string) => of.nodes.filter(node => node.op === op).length
        const norms = count(await buildPublished(each, 1), 'RMSNormalization')
        expect([count(graph, 'NormSiluPlaces'), count(graph, 'RMSNormalization')]).toEqual([norms, 0])
      },
    )

    test('the norm of a decoder, SiLU and windows are one launch', async () => {
      const graph = new Graph('norm', { precision: 'f16', kernels: builtKernels()!.kernels })
      const input = (name: string, shape: readonly number[]) => cast(graph.input(name, 'f32', shape), 'f16')
      const [x, past] = [input('x', [4, 96, 8, 16]), input('past', [2, 96, 8, 16])]
      const windows = normSiluWindows(x, past, input('scale', [96]), 1e-6)
      graph.output('windows', cast(windows, 'f32'))
      const { launches, failure } = await open(graph, { symbols: {}, kernels: builtKernels() })
      expect(failure).toBeUndefined()
      expect(launches.filter(name => name.startsWith('norm_silu'))).toEqual(['norm_silu_windows_f16_8'])
      expect(launches).toHaveLength(5) // and a cast of each input and of the result
    })

    /** Norms of a layer of Wan in 8-bit floats, and what rounds rows beside them. What attentions give is rounded by itself. */
    test.each([
      ['of their own', ['round-norm', 'round-sums'], ['residual_norm', 6, []], 6],
      ['within the norms', ['round-sums'], ['round_residual_norm', 3, []], 3],
      ['after the sums', ['round-norm'], ['residual_norm', 5, ['round_sums_bf16_8']], 6],
      ['within and after', [], ['round_residual_norm', 2, ['round_sums_bf16_8']], 3],
    ] as const)('a layer in 8-bit floats has passes that round %s', async (_, without, passes, more) => {
      const library = builtKernels()!
      const kernels = new Set([...library.kernels].filter(name => !without.some(each => each === name)))
      const inFloat8 = (key: string) => key.startsWith('blocks.')
      const found = await launchesOfLayer('wan-t2v-1.3b', { ...library, kernels }, inFloat8)
      const own = found.filter(name => /^(residual|round)_|^cublasLt/.test(name))
      const [norm, rows, after] = passes
      expect(own.toSorted()).toEqual(
        [
          ...Array(7).fill('cublasLtMatmul_f8_bias'),
          after.length > 0 ? 'cublasLtMatmul_f8_sums' : 'cublasLtMatmul_f8_gelu_bias',
          ...Array(3).fill(`${norm}_bf16_8`),
          ...Array(rows).fill('round_rows_bf16_8'),
          ...after,
        ].toSorted(),
      )
      expect(found).toHaveLength(launchesWithKernels['wan-t2v-1.3b'] + more)
    })

    test('a layer launches what is counted of its graph', () => {
      const { layer } = transformerCost(transformers[0]!, ownTarget)
      expect(layer.nodes).toBe(launchesWithKernels['wan-t2v-1.3b'])
    })
  })
})

/** What a layer adds to a transformer of one: kernels and matrix products. */
async function launchesOfLayer(
  checkpoint: string,
  kernels?: KernelLibrary,
  inFloat8?: (key: string) => boolean,
): Promise<readonly string[]> {
  const transformer = cases.find(each => each.checkpoint === checkpoint && each.graph === 'transformer')!
  const symbols = { batch: 1, frames: 2, height: 16, width: 16, text: 512 }
  const target = kernels && { kernels: kernels.kernels, residentsInPlace: true }
  const counted = []
  for (const layers of [1, 2]) {
    const graph = await buildPublished(transformer, layers, target, inFloat8)
    const trace = await open(graph, { symbols, variables: withoutCudnnAttention, kernels })
    expect(trace.failure).toBeUndefined()
    expect(trace.messages).not.toMatch(/Memcpy/)
    counted.push(trace.launches)
  }
  const [one, two] = counted as [readonly string[], readonly string[]]
  const rest = [...two]
  for (const name of one) rest.splice(rest.indexOf(name), 1)
  return rest
}
