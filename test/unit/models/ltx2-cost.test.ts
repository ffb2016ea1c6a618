import { describe, expect, test } from 'vitest'
import { gemmaEncoder } from '../../../models/gemma/encoder.ts'
import { gemma3Config } from '../../../models/gemma/gemma3.ts'
import { decoderStages } from '../../../models/ltx-vae/decoder.ts'
import { ltxDecoderStage, ltxEncoder } from '../../../models/ltx-vae/vae.ts'
import { ltx2Caption } from '../../../models/ltx2/caption.ts'
import {
  type Ltx2TransformerConfig,
  ltx2ConnectorsConfig,
  ltx2TransformerConfig,
  ltx2VaeConfig,
  widthsOf,
} from '../../../models/ltx2/config.ts'
import { ltx2Connectors } from '../../../models/ltx2/connectors.ts'
import { ltx2Published } from '../../../models/ltx2/published.ts'
import { ltx2Transformer } from '../../../models/ltx2/transformer.ts'
import { graphCost } from '../../../src/graph/cost.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import type { WeightSource } from '../../../src/graph/scope.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'
import { ltx2Configs } from '../../contract/ltx2-configs.ts'

interface Sizes {
  readonly frames: number
  readonly height: number
  readonly width: number
  readonly sounds: number
  readonly length: number
}

/** Channels of the latents of the sound. */
const soundChannels = 8

function built(build: (weights: WeightSource) => Graph): Graph {
  let graph: Graph | undefined
  wantedTensors(weights => {
    graph = build(weights)
  })
  return graph!
}

/** Products of all linear layers of a pass, and of all attentions, counted by hand. */
function handCount(config: Ltx2TransformerConfig, { frames, height, width, sounds, length }: Sizes) {
  const { video, audio } = widthsOf(config)
  const tokens = frames * height * width
  const gate = (rows: number, model: number, heads: number) => (config.gated_attn ? rows * model * heads : 0)
  const [heads, soundHeads] = [config.num_attention_heads, config.audio_num_attention_heads]
  const ofStream = (rows: number, model: number, own: number) =>
    4 * rows * model ** 2 + // to_q, to_k, to_v, to_out of the self-attention
    2 * rows * model ** 2 + // to_q and to_out of the text's
    2 * length * model ** 2 + // to_k and to_v of the text
    8 * rows * model ** 2 + // feed-forward
    2 * gate(rows, model, own)
  const between =
    2 * tokens * video * audio + // to_q and to_out of the video that hears
    2 * sounds * audio ** 2 + // to_k and to_v of the sound
    2 * sounds * audio ** 2 + // to_q and to_out of the sound that sees
    2 * tokens * video * audio + // to_k and to_v of the video
    gate(tokens, video, soundHeads) +
    gate(sounds, audio, soundHeads)
  const embedded = (rows: number, model: number, modulations: number) =>
    rows * (256 * model + model ** 2 + modulations * model ** 2)
  const blockRows = config.cross_attn_mod ? 9 : 6
  const times = [
    [frames, video],
    [1, audio],
  ] as const
  const time = times.map(([rows, model]) => {
    const prompt = config.cross_attn_mod ? embedded(1, model, 2) : 0
    return embedded(rows, model, blockRows) + embedded(rows, model, 4) + embedded(rows, model, 1) + prompt
  })
  const borders = 2 * (tokens * config.in_channels * video + sounds * config.audio_in_channels * audio)
  const layer = ofStream(tokens, video, heads) + ofStream(sounds, audio, soundHeads) + between
  const attentions =
    2 * tokens ** 2 * video +
    2 * sounds ** 2 * audio +
    2 * tokens * length * video +
    2 * sounds * length * audio +
    4 * tokens * sounds * audio
  return {
    linears: config.num_layers * layer + borders + time[0]! + time[1]!,
    attentions: config.num_layers * attentions,
  }
}

const small: Sizes = { frames: 3, height: 4, width: 5, sounds: 6, length: 7 }
/** 768x512, 121 frames at 24 a second. */
const usual: Sizes = { frames: 16, height: 16, width: 24, sounds: 126, length: 1024 }

describe('a pass of the transformer costs what a hand count gives', () => {
  const published = Object.fromEntries(
    ltx2Published.map(({ name, components }) => [name, components.transformer!]),
  )
  test.each([
    ['a small one', ltx2Configs.components.transformer, small],
    ['ltx-2', published['ltx-2']!, usual],
    ['ltx-2.3', published['ltx-2.3']!, usual],
  ] as const)('%s', (_, fields, sizes) => {
    const config = ltx2TransformerConfig.parse(fields)
    const graph = built(weights => ltx2Transformer(config, soundChannels, weights, 'bf16'))
    const { classes } = graphCost(graph, { batch: 1, ...sizes })
    const { linears, attentions } = handCount(config, sizes)
    expect(classes.matmul!.flops / (2 * linears)).toBeCloseTo(1, 9)
    expect(classes.attention!.flops / (2 * attentions)).toBeCloseTo(1, 9)
    expect(classes.other).toBeUndefined()
  })
})

test('text, connectors and the video’s VAE have no op that is not counted', () => {
  const { connectors, text_encoder, transformer, vae } = ltx2Configs.components
  const plain = { ...transformer, use_prompt_embeddings: true }
  const whole = { ...connectors, per_modality_projections: false, audio_connector_attention_head_dim: 16 }
  const graphs = [
    built(weights => gemmaEncoder(gemma3Config.parse(text_encoder), weights, 'bf16')),
    built(weights => ltx2Connectors(ltx2ConnectorsConfig.parse(connectors), weights, 'bf16')),
    built(weights => ltx2Connectors(ltx2ConnectorsConfig.parse(whole), weights, 'bf16')),
    built(weights => ltx2Caption(ltx2TransformerConfig.parse(plain), weights, 'bf16')),
    ...[vae, { latent_channels: 8 }].flatMap(fields => {
      const config = ltx2VaeConfig.parse(fields)
      return decoderStages(config).map((_, index) => {
        return built(weights => ltxDecoderStage(config, index, weights, 'f16'))
      })
    }),
    built(weights => ltxEncoder(ltx2VaeConfig.parse(vae), 'whole', weights, 'f16')),
  ]
  const ofConvolutions = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`frames${index + 1}`, 2]),
  )
  const sizes = { tokens: 8, length: 16, frames: 2, height: 4, width: 6, ...ofConvolutions }
  for (const graph of graphs) {
    const { classes, flops } = graphCost(graph, sizes)
    expect([graph.name, classes.other]).toEqual([graph.name, undefined])
    expect(flops).toBeGreaterThan(0)
  }
})
