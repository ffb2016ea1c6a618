import path from 'node:path'
import type {
  CheckpointConfigs,
  DecodeContext,
  Denoiser,
  GraphRecipe,
  Model,
  ModelFacts,
} from '../../src/pipeline/family.ts'
import { linearQuadraticSigmas, linearSigmas } from '../../src/sampling/schedules/spacings.ts'
import { elementCount } from '../../src/tensor/dtype.ts'
import { createGenerator } from '../../src/tensor/random.ts'
import { lazyTensor, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { checkFit } from '../../src/weights/check-fit.ts'
import { readConfig } from '../../src/weights/read-config.ts'
import { compression, type LtxVaeConfig, ltxVaeConfig } from '../ltx-vae/config.ts'
import { injectedNoiseSizes } from '../ltx-vae/decoder.ts'
import { ltxDecoderFacts, ltxEncoderFacts, ltxVaeGraphs } from '../ltx-vae/graphs.ts'
import { ltxUpsamplerFormat } from '../ltx-vae/upsampler.ts'
import { type T5Config, t5Config } from '../t5/config.ts'
import { t5Encoder } from '../t5/encoder.ts'
import { type LtxTransformerConfig, ltxTransformerConfig } from './config.ts'
import { ltxContext } from './context.ts'
import { ltxOriginalNames } from './original-names.ts'
import { ltxConditionPipeline, ltxModes } from './pipelines.ts'
import { ltxTextConditioner } from './text.ts'
import { ltxTransformer } from './transformer.ts'
import { conditionLtx } from './visual.ts'

interface LtxConfigs {
  readonly textEncoder: T5Config
  readonly transformer: LtxTransformerConfig
  readonly vae: LtxVaeConfig
  /** Whether it is `LTXConditionPipeline`. */
  readonly conditions: boolean
}

/** Reads the configs of a checkpoint of LTX-Video. @throws CheckpointError for a config that cannot be run */
export function loadLtx(checkpoint: CheckpointConfigs): Model {
  const configs = readLtxConfigs(checkpoint)
  const facts = factsOf(configs, checkpoint)
  const visual = { facts, transformer: configs.transformer, anyFrame: configs.conditions }
  return {
    facts,
    graphs: graphsOf(configs),
    ignoredTensors: {},
    keepsPrecision: [/^(?!transformer_blocks\.)/],
    tensorNames: { originalNames: ltxOriginalNames, variantTensors: [] },
    spacing: steps =>
      configs.conditions
        ? { timesteps: linearQuadraticSigmas(steps).map(sigma => Math.fround(sigma * 1000)) }
        : { sigmas: linearSigmas(steps) },
    conditionText: ltxTextConditioner({
      tokenizer: checkpoint.tokenizer ?? path.join(checkpoint.folder, 'tokenizer'),
      textEncoder: configs.textEncoder,
      context: 'context',
      maskPadding: configs.conditions,
    }),
    conditionVisual: (inputs, context) => conditionLtx(visual, inputs, context),
    denoiser: ([video]) => denoiser(video!),
    decoderFeeds: context => decoderFeeds(configs.vae, context),
    upsampler: ltxUpsamplerFormat(configs.vae),
  }
}

function readLtxConfigs(checkpoint: CheckpointConfigs): LtxConfigs {
  const classes = { transformer: ['LTXVideoTransformer3DModel'], vae: ['AutoencoderKLLTXVideo'] }
  const configs = {
    textEncoder: readConfig(t5Config, checkpoint, 'text_encoder'),
    transformer: readConfig(ltxTransformerConfig, checkpoint, 'transformer', {
      classes: classes.transformer,
    }),
    vae: readConfig(ltxVaeConfig, checkpoint, 'vae', { classes: classes.vae }),
    conditions: checkpoint.index._class_name === ltxConditionPipeline,
  }
  const { textEncoder, transformer, vae } = configs
  checkFit(checkpoint, [
    ['transformer', 'in_channels', transformer.in_channels, vae.latent_channels, 'the channels of the VAE'],
    [
      'transformer',
      'caption_channels',
      transformer.caption_channels,
      textEncoder.d_model,
      'the width of the text encoder',
    ],
  ])
  return configs
}

/** Sizes, steps and guidance are diffusers' defaults; the frame rate is the one the models were trained at. */
function factsOf({ vae, conditions }: LtxConfigs, checkpoint: CheckpointConfigs): ModelFacts {
  const { spatial, temporal } = compression(vae)
  return {
    family: 'ltx',
    streams: ['video'],
    geometry: { spatialStride: spatial, temporalStride: temporal, patch: [1, 1, 1] },
    latentChannels: vae.latent_channels,
    defaults: {
      width: 704,
      height: 512,
      frames: 161,
      fps: 25,
      steps: 50,
      guidance: 3,
      negativePrompt: '',
      ...checkpoint.defaults,
    },
    trained: checkpoint.trained,
    textTokens: conditions ? 256 : 128,
    scheduler: checkpoint.components.scheduler,
    experts: [{ graph: 'transformer', fromTimestep: 0 }],
    ...ltxDecoderFacts(vae),
    ...ltxEncoderFacts(vae),
    ...ltxModes(conditions),
    takes: [
      'upsampler',
      ...(conditions ? (['imageNoiseScale'] as const) : []),
      ...(vae.timestep_conditioning ? (['decodeTimestep', 'decodeNoiseScale', 'decodeSeed'] as const) : []),
    ],
  }
}

function graphsOf({ textEncoder, transformer, vae }: LtxConfigs): GraphRecipe[] {
  return [
    {
      name: 'text-encoder',
      component: 'text_encoder',
      role: 'text-encoder',
      build: (weights, precision) => t5Encoder(textEncoder, weights, precision),
    },
    {
      name: 'context',
      component: 'transformer',
      role: 'transformer',
      build: (...given) => ltxContext(transformer, ...given),
    },
    {
      name: 'transformer',
      component: 'transformer',
      role: 'transformer',
      build: (...given) => ltxTransformer(transformer, ...given),
    },
    ...ltxVaeGraphs(vae),
  ]
}

function denoiser(shape: readonly number[]): Denoiser {
  return {
    streams: [{ input: 'latents', output: 'velocity', shape: [1, ...shape] }],
    feeds: ({ positions: [timesteps] }) => ({ timestep: tensor('f32', [1, shape[1]!], timesteps!) }),
  }
}

/**
 * Decoders with timestep conditioning see the latents at a little noise, drawn from the run's generator; the one of
 * 0.9.1 has noise of its own inside, which diffusers draws from torch's global generator.
 */
function decoderFeeds(config: LtxVaeConfig, { latents, noise, plan }: DecodeContext): Record<string, Tensor> {
  if (!config.timestep_conditioning) return {}
  const timestep = plan.decodeTimestep ?? 0
  const [, , height, width] = latents.shape as [number, number, number, number]
  const inner = createGenerator(plan.decodeSeed ?? plan.seed)
  const pictures = injectedNoiseSizes(config, { height, width }).map(([rows, columns]) => {
    return tensor('f32', [rows, columns], inner.randn(rows * columns))
  })
  return {
    timestep: tensor('f32', [1], Float32Array.of(timestep)),
    ...Object.fromEntries(pictures.map((picture, index) => [`injected.${index}`, picture])),
    noise: lazyTensor('f32', latents.shape, () => noise.randn(elementCount(latents.shape))),
    'noise.scale': tensor('f32', [1], Float32Array.of(plan.decodeNoiseScale ?? timestep)),
  }
}
