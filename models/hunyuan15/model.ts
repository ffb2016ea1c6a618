import path from 'node:path'
import { rotaryFeeds, rotaryTables } from '../../src/geometry/rotary.ts'
import { latentSizeOf, toTokens } from '../../src/geometry/video-geometry.ts'
import { chunkNames, coderRecipes } from '../../src/nn/causal-decoder.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import type {
  CheckpointConfigs,
  Denoiser,
  GraphRecipe,
  Model,
  ModelFacts,
} from '../../src/pipeline/family.ts'
import { linspace } from '../../src/tensor/arithmetic.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { qwen2Encoder, qwen2Ignored } from '../qwen2/encoder.ts'
import { siglipVisionEncoder, siglipVisionIgnored } from '../siglip/vision-encoder.ts'
import { t5Encoder } from '../t5/encoder.ts'
import { type HunyuanConfigs, readHunyuanConfigs } from './config.ts'
import { glyphContext, imageContext } from './context.ts'
import { hunyuanJoinedLayers, hunyuanOriginalNames, hunyuanToolNames } from './original-names.ts'
import { hunyuanModes } from './pipelines.ts'
import { trainedSizes, usualSize } from './sizes.ts'
import { hunyuanTextConditioner, skippedLayers } from './text.ts'
import { hunyuanTransformer } from './transformer.ts'
import { hunyuanDecoders, hunyuanEncoder } from './vae.ts'
import { conditionHunyuan } from './visual.ts'

/** Reads the configs of a checkpoint of HunyuanVideo 1.5. @throws CheckpointError for a config that cannot be run */
export function loadHunyuan(checkpoint: CheckpointConfigs): Model {
  const configs = readHunyuanConfigs(checkpoint)
  const { textEncoder, glyphEncoder, image, transformer, guider } = configs
  const facts = factsOf(configs, checkpoint)
  const model = modelWidth(transformer)
  return {
    facts,
    graphs: graphsOf(configs),
    ignoredTensors: ignoredTensors(configs),
    keepsPrecision: [/^(?!transformer_blocks\.)/, /\.norm1(?:_context)?\.linear\./],
    tensorNames: {
      originalNames: hunyuanOriginalNames,
      toolNames: hunyuanToolNames,
      joined: hunyuanJoinedLayers,
      variantTensors: [],
    },
    spacing: steps => ({ sigmas: linspace(1, 0, steps + 1).slice(0, -1) }),
    conditionText: hunyuanTextConditioner({
      tokenizer: checkpoint.tokenizer ?? path.join(checkpoint.folder, 'tokenizer'),
      textEncoder,
      glyphTokenizer: path.join(checkpoint.folder, 'tokenizer_2'),
      glyphEncoder,
      model,
    }),
    conditionVisual: (inputs, context) =>
      conditionHunyuan({ facts, preprocessor: image?.preprocessor, model }, inputs, context),
    denoiser: ([video]) => denoiser(facts, configs, video!),
    guide: guider.guide,
    decoderFeeds: () => ({}),
  }
}

/** Length, rate and steps are diffusers' defaults; the size is that of 16:9 at the pixels that it was trained at. */
function factsOf(
  { transformer, vae, image, guider }: HunyuanConfigs,
  checkpoint: CheckpointConfigs,
): ModelFacts {
  const stride = vae.spatial_compression_ratio
  const sizes = trainedSizes(transformer.target_size, stride)
  const oneByOne = { chunk: 1, growing: true }
  return {
    family: 'hunyuan15',
    streams: ['video'],
    geometry: {
      spatialStride: stride,
      temporalStride: vae.temporal_compression_ratio,
      patch: [1, 1, 1],
    },
    latentChannels: vae.latent_channels,
    defaults: {
      ...usualSize(sizes),
      frames: 30 * vae.temporal_compression_ratio + 1,
      fps: 24,
      steps: 50,
      ...guider.defaults,
      negativePrompt: '',
      ...checkpoint.defaults,
    },
    trained: checkpoint.trained,
    guidanceBelowOne: 'guides',
    coveredSizes: sizes,
    textTokens: 1000,
    scheduler: checkpoint.components.scheduler,
    experts: [{ graph: 'transformer', fromTimestep: 0 }],
    decoder: { ...chunkNames('vae-decoder'), ...oneByOne },
    tiledDecoder: {
      stem: { ...chunkNames('vae-decoder-stem'), ...oneByOne },
      rest: chunkNames('vae-decoder-rest'),
      context: 5,
    },
    encoder: image && { first: 'vae-encoder', next: undefined },
    ...hunyuanModes(image !== undefined),
    takes: [],
  }
}

function graphsOf(configs: HunyuanConfigs): GraphRecipe[] {
  const { textEncoder, glyphEncoder, image, transformer, meanflow, vae } = configs
  const encoder = { role: 'text-encoder' as const }
  const denoising = { component: 'transformer', role: 'transformer' as const }
  const layers = textEncoder.num_hidden_layers - skippedLayers
  const graphs: GraphRecipe[] = [
    {
      ...encoder,
      name: 'text-encoder',
      component: 'text_encoder',
      build: (weights, precision) => qwen2Encoder(textEncoder, weights, precision, { layers }),
    },
    {
      ...encoder,
      name: 'glyph-encoder',
      component: 'text_encoder_2',
      build: (weights, precision) => t5Encoder(glyphEncoder, weights, precision),
    },
    {
      ...denoising,
      name: 'glyph-context',
      build: (weights, precision) => glyphContext(transformer, weights, precision),
    },
    {
      ...denoising,
      name: 'transformer',
      build: (weights, precision, target) =>
        hunyuanTransformer(transformer, weights, precision, { meanflow, kernels: target?.kernels }),
    },
  ]
  return [
    ...graphs,
    ...(image ? imageGraphs(image.encoder, configs) : []),
    ...coderRecipes(vae, hunyuanDecoders),
  ]
}

/** What a picture becomes: hidden states, tokens of the transformer, and latents. */
function imageGraphs(
  image: NonNullable<HunyuanConfigs['image']>['encoder'],
  { transformer, vae }: HunyuanConfigs,
): GraphRecipe[] {
  return [
    {
      name: 'image-encoder',
      component: 'image_encoder',
      role: 'text-encoder',
      build: (weights, precision) => siglipVisionEncoder(image, weights, precision),
    },
    {
      name: 'image-context',
      component: 'transformer',
      role: 'transformer',
      build: (weights, precision) => imageContext(transformer, weights, precision),
    },
    {
      name: 'vae-encoder',
      component: 'vae',
      part: { name: 'encoder', tensors: /^encoder\./ },
      role: 'vae',
      build: (weights, precision, target) => hunyuanEncoder(vae, weights, precision, target),
    },
  ]
}

/** Tensors that diffusers and transformers load without using them, and those that text to video has no use for. */
function ignoredTensors({ textEncoder, image, meanflow }: HunyuanConfigs): Model['ignoredTensors'] {
  return {
    text_encoder: qwen2Ignored(textEncoder, textEncoder.num_hidden_layers - skippedLayers),
    text_encoder_2: [/^decoder\./, /^lm_head\./],
    transformer: [
      ...(image ? [] : [/^image_embedder\./]),
      ...(meanflow ? [] : [/^time_embed\.timestep_embedder_r\./]),
    ],
    ...(image ? { image_encoder: siglipVisionIgnored } : { vae: [/^encoder\./] }),
  }
}

function denoiser(
  facts: ModelFacts,
  { transformer, meanflow }: HunyuanConfigs,
  shape: readonly number[],
): Denoiser {
  const tables = rotaryTables({
    grid: toTokens(facts.geometry, latentSizeOf(shape)),
    headDim: transformer.attention_head_dim,
    axes: transformer.rope_axes_dim,
    theta: transformer.rope_theta,
  })
  const fixed = rotaryFeeds(tables)
  const scalar = (value: number) => tensor('f32', [1], Float32Array.of(value))
  return {
    streams: [{ input: 'latents', output: 'velocity', shape: [1, ...shape] }],
    feeds: ({ timesteps: [now], next: [next] }) => ({
      ...fixed,
      timestep: scalar(now!),
      ...(meanflow && { 'timestep.next': scalar(next!) }),
    }),
  }
}
