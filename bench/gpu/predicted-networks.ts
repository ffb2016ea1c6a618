/** Networks whose time is predicted, at the sizes that the kit measures. */
import { hunyuanVaeConfig } from '../../models/hunyuan15/config.ts'
import { hunyuanDecoder } from '../../models/hunyuan15/vae.ts'
import { decoderStages } from '../../models/ltx-vae/decoder.ts'
import { ltxDecoderStage } from '../../models/ltx-vae/vae.ts'
import { ltx2VaeConfig } from '../../models/ltx2/config.ts'
import { wanTransformerConfig } from '../../models/wan/config.ts'
import { wanPublished } from '../../models/wan/published.ts'
import { textRows } from '../../models/wan/text.ts'
import { wanKeepsPrecision, wanTransformer } from '../../models/wan/transformer.ts'
import { wanDecoder } from '../../models/wan/vae.ts'
import { wanVaeConfig } from '../../models/wan/vae-config.ts'
import type { Symbols } from '../../src/graph/cost.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { withRoundedResults } from '../../src/graph/rounded-results.ts'
import type { WeightSource } from '../../src/graph/scope.ts'
import { wantedTensors } from '../../src/graph/wanted-tensors.ts'
import { FrameSchedule } from '../../src/nn/frame-schedule.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import { type Counted, combined, counted, layerOf, nothing } from './predicted-times.ts'

/** Kernels of ours, by folder. */
export const ownKernels: ReadonlySet<string> = new Set([
  'gated-residual',
  'linear',
  'norm-modulate',
  'norm-silu-windows',
  'qk-norm-rope',
  'residual-norm',
  'round-norm',
  'round-rows',
  'round-sums',
])

/** The backend that has them. */
export const ownTarget: GraphTarget = { kernels: ownKernels, residentsInPlace: true }

/** Tokens of the prompt that is measured. */
const promptTokens = 100

/** A clip of 81 frames has 21 latent ones. */
const latentFrames = 21

export interface Transformer {
  readonly model: string
  readonly width: number
  readonly height: number
}

export const transformers: readonly Transformer[] = [
  { model: 'wan-t2v-1.3b', width: 832, height: 480 },
  { model: 'wan-t2v-14b', width: 832, height: 480 },
  { model: 'wan-t2v-14b', width: 1280, height: 720 },
]

/**
 * A layer of a transformer, and one pass of it whole.
 * @param inFloat8 whether the layers of its blocks multiply in 8-bit floats
 */
export function transformerCost(
  { model, width, height }: Transformer,
  target: GraphTarget,
  inFloat8 = false,
): { readonly layer: Counted; readonly pass: Counted } {
  const config = componentOf(model, 'transformer')
  const build = (layers: number) =>
    graphOf(weights => {
      const fields = wanTransformerConfig.parse({ ...config, num_layers: layers })
      const rounds = (key: string) => inFloat8 && !wanKeepsPrecision.some(layers => layers.test(key))
      return withRoundedResults(wanTransformer(fields, { ...weights, inFloat8: rounds }, 'bf16', target))
    })
  const symbols: Symbols = {
    ...{ batch: 1, frames: latentFrames, height: height / 16, width: width / 16 },
    text: textRows(promptTokens, 512, 8),
  }
  const layer = layerOf(build, symbols)
  const layers = wanTransformerConfig.parse(config).num_layers
  return { layer, pass: combined(counted(build(1), symbols), layer, layers - 1) }
}

/** A decoder on a clip of 832×480, and how many latent frames it takes at a time after the first. */
export interface Decoder {
  readonly about: string
  readonly chunk: number
  cost(target: GraphTarget): Counted
}

const clip = { width: 832, height: 480 } as const

export const decoders: readonly Decoder[] = [
  ...[4, 1].map(chunk => ({
    about: 'Wan 2.1, 81 frames',
    chunk,
    cost: (target: GraphTarget) => wanDecoderCost(chunk, target),
  })),
  { about: 'HunyuanVideo 1.5, 121 frames', chunk: 1, cost: hunyuanDecoderCost },
  { about: 'LTX-2, 121 frames', chunk: 1, cost: ltx2DecoderCost },
]

function wanDecoderCost(chunk: number, target: GraphTarget): Counted {
  const config = wanVaeConfig.parse(componentOf('wan-t2v-1.3b', 'vae'))
  const cost = (part: 'first' | 'next') => {
    const graph = graphOf(weights => wanDecoder(config, weights, 'f16', part, target))
    return counted(graph, { frames: chunk, height: clip.height / 8, width: clip.width / 8 })
  }
  return combined(cost('first'), cost('next'), (latentFrames - 1) / chunk)
}

/** The attention in its middle sees the frames before: half of them on average. */
function hunyuanDecoderCost(target: GraphTarget): Counted {
  const config = hunyuanVaeConfig.parse({})
  const later = 30
  const cost = (part: 'first' | 'next') => {
    const graph = graphOf(weights => hunyuanDecoder(config, weights, 'f16', part, target))
    return counted(graph, { past: later / 2, height: clip.height / 16, width: clip.width / 16 })
  }
  return combined(cost('first'), cost('next'), later)
}

/** Level by level: a part of the clip after the first has as many frames of a level as a latent frame has there. */
function ltx2DecoderCost(target: GraphTarget): Counted {
  const config = ltx2VaeConfig.parse({})
  const latents = 16
  return decoderStages(config)
    .map((stage, index) => {
      const graph = graphOf(weights => ltxDecoderStage(config, index, weights, 'f16', target))
      const frames = stage.framesPerLatent
      const schedule = new FrameSchedule(stage.layers, config.decoder_causal)
      schedule.next({ frames: 4 * frames, last: false }) // the clip's start, after which parts are alike
      const { counts } = schedule.next({ frames, last: false })
      const convolutions = Object.fromEntries(counts.map((count, at) => [`frames${at + 1}`, count]))
      const symbols = { frames, height: clip.height / 32, width: clip.width / 32, ...convolutions }
      return counted(graph, symbols)
    })
    .reduce((sum, each) => combined(sum, each, latents), nothing)
}

function componentOf(model: string, component: string): object {
  const found = wanPublished.find(({ name }) => name === model)!.components[component]
  return found as object
}

/** A graph over weights in 16 bits, without a checkpoint. */
function graphOf(build: (weights: WeightSource) => Graph): Graph {
  let graph: Graph | undefined
  wantedTensors(weights => {
    graph = build(weights)
  }, 'bf16')
  return graph!
}
