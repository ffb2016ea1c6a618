import path from 'node:path'
import { rotaryFeeds, rotaryTables } from '../../src/geometry/rotary.ts'
import { latentSizeOf, toTokens } from '../../src/geometry/video-geometry.ts'
import { chunkNames, coderRecipes } from '../../src/nn/causal-decoder.ts'
import { patchedShape } from '../../src/nn/patch-embedding.ts'
import type {
  CheckpointConfigs,
  Defaults,
  Denoiser,
  Expert,
  GraphRecipe,
  Model,
  ModelFacts,
  OptionalGraph,
} from '../../src/pipeline/family.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { clipVisionIgnored } from '../clip/vision-encoder.ts'
import { umt5Encoder } from '../umt5/encoder.ts'
import { readWanConfigs, type WanConfigs, type WanTransformerConfig, wanModes } from './config.ts'
import { wanContext } from './context.ts'
import { imageContext, imageGraphs, imageTensors } from './image-context.ts'
import { wanOriginalNames } from './original-names.ts'
import { wanPresets } from './presets.ts'
import { wanTextConditioner } from './text.ts'
import { wanKeepsPrecision, wanTransformer } from './transformer.ts'
import { wanDecoders } from './vae.ts'
import type { WanVaeConfig } from './vae-config.ts'
import { wanEncoder } from './vae-encoder.ts'
import { wanVisualConditioner } from './visual.ts'

/** Reads the configs of a checkpoint of Wan. @throws CheckpointError for a config that cannot be run */
export function loadWan(checkpoint: CheckpointConfigs): Model {
  const configs = readWanConfigs(checkpoint)
  const [{ config: transformer }] = configs.experts
  const { spacing, defaults } = configs.changes
  const facts = factsOf(configs, checkpoint)
  return {
    facts,
    graphs: graphsOf(configs),
    ignoredTensors: ignoredTensors(configs),
    keepsPrecision: wanKeepsPrecision,
    tensorNames: {
      originalNames: wanOriginalNames,
      get variantTensors() {
        return imageTensors(transformer)
      },
    },
    conditionText: wanTextConditioner({
      tokenizer: checkpoint.tokenizer ?? path.join(checkpoint.folder, 'tokenizer'),
      textEncoder: configs.textEncoder,
      contexts: configs.experts.map(({ context }) => context),
    }),
    conditionVisual: wanVisualConditioner({
      facts,
      transformers: configs.experts.map(({ config }) => config) as [WanTransformerConfig],
      perFrameTimesteps: configs.expandTimesteps,
      imageEncoder: configs.imageEncoder && {
        preprocessor: checkpoint.components.image_processor,
        context: imageContext,
      },
    }),
    denoiser: ([video]) => denoiser(facts, transformer, video!),
    spacing: steps => (spacing && steps === defaults?.steps ? spacing : { steps }),
    decoderFeeds: () => ({}),
  }
}

function factsOf(configs: WanConfigs, checkpoint: CheckpointConfigs): ModelFacts {
  const { vae, changes } = configs
  const [{ config: transformer }] = configs.experts
  const { patch_size, rope_max_seq_len } = transformer
  const geometry = {
    spatialStride: vae.scale_factor_spatial,
    temporalStride: vae.scale_factor_temporal,
    patch: patch_size,
    maxTokensPerAxis: rope_max_seq_len,
  }
  return {
    family: 'wan',
    streams: ['video'],
    geometry,
    latentChannels: vae.z_dim,
    defaults: { ...defaultsFor(vae), ...changes.defaults, ...checkpoint.defaults },
    trained: checkpoint.trained,
    textTokens: 512,
    scheduler: changes.scheduler ?? checkpoint.components.scheduler,
    experts: expertsOf(configs),
    decoder: chunkNames('vae-decoder'),
    tiledDecoder: { stem: chunkNames('vae-decoder-stem'), rest: chunkNames('vae-decoder-rest'), context: 5 },
    encoder: chunkNames('vae-encoder'),
    ...wanModes(transformer, configs.expandTimesteps),
    presets: wanPresets.filter(({ name }) => checkpoint.trained?.presets?.includes(name) ?? true),
    takes: [],
  }
}

/** Wan's own: 480p at 16 fps for the 8× VAE, 720p at 24 fps for the 16× one; steps and guidance are diffusers'. */
function defaultsFor(vae: WanVaeConfig): Defaults {
  const size =
    vae.scale_factor_spatial === 16
      ? { width: 1280, height: 704, frames: 121, fps: 24 }
      : { width: 832, height: 480, frames: 81, fps: 16 }
  return { ...size, steps: 50, guidance: 5, negativePrompt: '' }
}

/** Those that there are. At `boundary_ratio` of the 1000 training timesteps the one of low noise takes over. */
function expertsOf({ experts, boundaryRatio = 0 }: WanConfigs): ModelFacts['experts'] {
  const boundary = boundaryRatio * 1000
  const ranges = experts.map(({ component }): Expert => {
    return component === 'transformer'
      ? { graph: component, fromTimestep: boundary }
      : { graph: component, fromTimestep: 0, ...(experts.length === 1 && { belowTimestep: boundary }) }
  })
  return ranges as [Expert, ...Expert[]]
}

function graphsOf(configs: WanConfigs): GraphRecipe[] {
  const { textEncoder, vae, imageEncoder } = configs
  const experts = configs.experts.flatMap(({ component, context, config }): GraphRecipe[] => {
    const common = { component, role: 'transformer' as const }
    return [
      { ...common, name: context, build: (...given) => wanContext(config, ...given) },
      {
        ...common,
        name: component,
        build: (...given) => wanTransformer(config, ...given),
      },
    ]
  })
  const encoder = {
    name: 'vae-encoder',
    part: { name: 'encoder', tensors: /^(?:encoder|quant_conv)\./ },
    coder: wanEncoder,
    optional: withoutEncoder(configs),
  }
  const coders = coderRecipes(vae, [...wanDecoders, encoder])
  const text: GraphRecipe = {
    name: 'text-encoder',
    component: 'text_encoder',
    role: 'text-encoder',
    build: (weights, precision) => umt5Encoder(textEncoder, weights, precision),
  }
  const [{ config: first }] = configs.experts
  return [text, ...experts, ...coders, ...(imageEncoder ? imageGraphs(imageEncoder, first) : [])]
}

/** Decoders are published alone. Without an encoder nothing can be shown to the network, and VACE always is shown something. */
function withoutEncoder({ experts, expandTimesteps }: WanConfigs): OptionalGraph {
  const [{ config }] = experts
  const { modes } = wanModes(config, expandTimesteps)
  const shown = config.vace_layers?.length ? modes : modes.filter(mode => mode !== 'text')
  return { tensors: /^encoder\./, leftovers: [/^quant_conv\./], modes: shown }
}

/** Tensors that diffusers and transformers load or skip without using them. */
function ignoredTensors({ experts, imageEncoder }: WanConfigs): Model['ignoredTensors'] {
  const perExpert = experts.map(({ component }) => [component, [/\.norm_added_q\./]] as const)
  return Object.fromEntries([
    ...perExpert,
    ...(imageEncoder ? [['image_encoder', clipVisionIgnored(imageEncoder)] as const] : []),
  ])
}

/** Feeds of the transformer: latents cut into patches, a timestep for every frame, RoPE's tables, the conditions. */
function denoiser(facts: ModelFacts, config: WanTransformerConfig, shape: readonly number[]): Denoiser {
  const grid = toTokens(facts.geometry, latentSizeOf(shape))
  const tables = rotaryTables({ grid, headDim: config.attention_head_dim })
  const fixed = rotaryFeeds(tables)
  const [framesPerToken] = config.patch_size
  return {
    streams: [{ input: 'latents', output: 'velocity', shape: patchedShape(shape, config.patch_size) }],
    feeds: ({ positions: [timesteps] }) => {
      const perToken = timesteps!.filter((_, frame) => frame % framesPerToken === 0)
      return { ...fixed, timestep: tensor('f32', [1, grid.frames], perToken) }
    },
  }
}
