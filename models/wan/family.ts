import path from 'node:path'
import { z } from 'zod'
import { rotaryTables } from '../../src/geometry/rotary.ts'
import type { LatentSize } from '../../src/geometry/video-geometry.ts'
import { toTokens } from '../../src/geometry/video-geometry.ts'
import type {
  CausalGraphs,
  CheckpointConfigs,
  Defaults,
  Denoiser,
  Expert,
  Family,
  GraphRecipe,
  Model,
  ModelFacts,
} from '../../src/pipeline/family.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { checkConfig, readConfig } from '../../src/weights/read-config.ts'
import { type ClipVisionConfig, clipVisionConfig } from '../clip/config.ts'
import { clipVisionEncoder, clipVisionIgnored } from '../clip/vision-encoder.ts'
import { umt5Config } from '../umt5/config.ts'
import { umt5Encoder } from '../umt5/encoder.ts'
import { type WanTransformerConfig, type WanVaeConfig, wanTransformerConfig, wanVaeConfig } from './config.ts'
import { wanContext, wanImageContext } from './context.ts'
import { imageTensors, wanOriginalNames } from './original-names.ts'
import { patchedShape } from './patches.ts'
import { wanPublished } from './published.ts'
import { wanTextConditioner } from './text.ts'
import { wanTransformer } from './transformer.ts'
import { wanDecoder, wanDecoderRest, wanDecoderStem, wanEncoder } from './vae.ts'
import { wanVariants } from './variants.ts'
import { wanModes, wanVisualConditioner } from './visual.ts'

/** Wan 2.1 and 2.2: text, image, keyframe and video to video, VACE (diffusers `pipelines/wan`). */
export const wan: Family = {
  name: 'wan',
  pipelines: ['WanPipeline', 'WanImageToVideoPipeline', 'WanVideoToVideoPipeline', 'WanVACEPipeline'],
  variants: wanVariants,
  published: wanPublished,
  load: checkpoint => loadWan(readConfigs(checkpoint), checkpoint),
}

const indexSchema = z.object({
  boundary_ratio: z.number().min(0).max(1).nullish(),
  expand_timesteps: z.boolean().default(false),
})

interface WanConfigs {
  readonly index: z.infer<typeof indexSchema>
  readonly textEncoder: z.infer<typeof umt5Config>
  /** One, or the experts of high and of low noise. */
  readonly transformers: readonly [WanTransformerConfig, ...WanTransformerConfig[]]
  readonly vae: WanVaeConfig
  /** CLIP, of Wan 2.1 image-to-video checkpoints. */
  readonly imageEncoder: ClipVisionConfig | undefined
}

const imageContext = 'image-context'

function readConfigs(checkpoint: CheckpointConfigs): WanConfigs {
  const read = <T>(schema: z.ZodType<T>, name: string) => readConfig(schema, checkpoint, name)
  const index = checkConfig(indexSchema, checkpoint.index, path.join(checkpoint.folder, 'model_index.json'))
  const first = read(wanTransformerConfig, 'transformer')
  const second = checkpoint.components.transformer_2 ? [read(wanTransformerConfig, 'transformer_2')] : []
  return {
    index,
    textEncoder: read(umt5Config, 'text_encoder'),
    transformers: [first, ...second],
    vae: read(wanVaeConfig, 'vae'),
    imageEncoder: first.image_dim ? read(clipVisionConfig, 'image_encoder') : undefined,
  }
}

function loadWan(configs: WanConfigs, checkpoint: CheckpointConfigs): Model {
  const [transformer] = configs.transformers
  const facts = factsOf(configs, checkpoint)
  return {
    facts,
    graphs: graphsOf(configs),
    ignoredTensors: ignoredTensors(configs),
    tensorNames: { originalNames: wanOriginalNames, variantTensors: imageTensors(transformer) },
    conditionText: wanTextConditioner({
      tokenizerFolder: path.join(checkpoint.folder, 'tokenizer'),
      textEncoder: configs.textEncoder,
      contexts: configs.transformers.map((_, expert) => names(expert).context),
    }),
    conditionVisual: wanVisualConditioner({
      facts,
      transformers: configs.transformers,
      perFrameTimesteps: configs.index.expand_timesteps,
      imageEncoder: configs.imageEncoder && {
        preprocessor: checkpoint.components.image_processor,
        context: imageContext,
      },
    }),
    denoiser: size => denoiser(facts, transformer, size),
    spacing: steps => ({ steps }),
    decoderFeeds: () => ({}),
  }
}

function factsOf({ index, transformers, vae }: WanConfigs, checkpoint: CheckpointConfigs): ModelFacts {
  const [{ patch_size, rope_max_seq_len }] = transformers
  const geometry = {
    spatialStride: vae.scale_factor_spatial,
    temporalStride: vae.scale_factor_temporal,
    patch: patch_size,
    maxTokensPerAxis: rope_max_seq_len,
  }
  return {
    family: 'wan',
    geometry,
    latentChannels: vae.z_dim,
    defaults: { ...defaultsFor(vae), ...checkpoint.defaults },
    trained: checkpoint.trained,
    textTokens: 512,
    scheduler: checkpoint.components.scheduler,
    experts: expertsOf(transformers.length, index.boundary_ratio ?? 0),
    decoder: chunked('vae-decoder'),
    tiledDecoder: { stem: chunked('vae-decoder-stem'), rest: chunked('vae-decoder-rest'), context: 5 },
    encoder: chunked('vae-encoder'),
    ...wanModes(transformers[0], index.expand_timesteps),
    takes: [],
  }
}

function chunked(name: string): CausalGraphs {
  return { first: `${name}-first`, next: `${name}-next` }
}

/** Wan's own: 480p at 16 fps for the 8× VAE, 720p at 24 fps for the 16× one; steps and guidance are diffusers'. */
function defaultsFor(vae: WanVaeConfig): Defaults {
  const size =
    vae.scale_factor_spatial === 16
      ? { width: 1280, height: 704, frames: 121, fps: 24 }
      : { width: 832, height: 480, frames: 81, fps: 16 }
  return { ...size, steps: 50, guidance: 5, negativePrompt: '' }
}

/** Two experts switch at `boundary_ratio` of the 1000 training timesteps (Wan 2.2 A14B). */
function expertsOf(count: number, boundaryRatio: number): ModelFacts['experts'] {
  const low: Expert = { graph: names(count - 1).transformer, fromTimestep: 0 }
  if (count === 1) return [low]
  return [{ graph: names(0).transformer, fromTimestep: boundaryRatio * 1000 }, low]
}

/** Names of the graphs of an expert; the second one's component is `transformer_2`. */
function names(expert: number): { transformer: string; context: string } {
  return expert === 0
    ? { transformer: 'transformer', context: 'context' }
    : { transformer: 'transformer_2', context: 'context_2' }
}

function graphsOf({ textEncoder, transformers, vae, imageEncoder }: WanConfigs): GraphRecipe[] {
  const experts = transformers.flatMap((config, expert): GraphRecipe[] => {
    const { transformer, context } = names(expert)
    const common = { component: transformer, role: 'transformer' as const }
    return [
      { ...common, name: context, build: (weights, precision) => wanContext(config, weights, precision) },
      {
        ...common,
        name: transformer,
        build: (...given) => wanTransformer(config, ...given),
      },
    ]
  })
  const coders = {
    'vae-decoder': wanDecoder,
    'vae-decoder-stem': wanDecoderStem,
    'vae-decoder-rest': wanDecoderRest,
    'vae-encoder': wanEncoder,
  }
  const chunks = (['first', 'next'] as const).flatMap(chunk => {
    return Object.entries(coders).map(([name, build]): GraphRecipe => {
      return {
        name: `${name}-${chunk}`,
        component: 'vae',
        role: 'vae',
        build: (weights, precision) => build(vae, weights, precision, chunk),
      }
    })
  })
  const text: GraphRecipe = {
    name: 'text-encoder',
    component: 'text_encoder',
    role: 'text-encoder',
    build: (weights, precision) => umt5Encoder(textEncoder, weights, precision),
  }
  return [text, ...experts, ...chunks, ...(imageEncoder ? imageGraphs(imageEncoder, transformers[0]) : [])]
}

/** From pixels to CLIP's hidden states, and from those to keys and values. */
function imageGraphs(clip: ClipVisionConfig, transformer: WanTransformerConfig): GraphRecipe[] {
  return [
    {
      name: 'image-encoder',
      component: 'image_encoder',
      role: 'text-encoder',
      build: (weights, precision) => clipVisionEncoder(clip, weights, precision),
    },
    {
      name: imageContext,
      component: 'transformer',
      role: 'transformer',
      build: (weights, precision) => wanImageContext(transformer, weights, precision),
    },
  ]
}

/** Tensors that diffusers and transformers load or skip without using them. */
function ignoredTensors({ transformers, imageEncoder }: WanConfigs): Model['ignoredTensors'] {
  const perExpert = transformers.map(
    (_, expert) => [names(expert).transformer, [/\.norm_added_q\./]] as const,
  )
  return Object.fromEntries([
    ...perExpert,
    ...(imageEncoder ? [['image_encoder', clipVisionIgnored(imageEncoder)] as const] : []),
  ])
}

/** Feeds of the transformer: latents cut into patches, a timestep for every frame, RoPE's tables, the conditions. */
function denoiser(facts: ModelFacts, config: WanTransformerConfig, size: LatentSize): Denoiser {
  const grid = toTokens(facts.geometry, size)
  const tables = rotaryTables({ grid, headDim: config.attention_head_dim })
  const rotaryShape = [1, ...tables.shape]
  const fixed = {
    'rotary.cos': tensor('f32', rotaryShape, tables.cos),
    'rotary.sin': tensor('f32', rotaryShape, tables.sin),
  }
  const latentShape = [facts.latentChannels, size.latentFrames, size.latentHeight, size.latentWidth]
  const [framesPerToken] = config.patch_size
  return {
    latentShape: patchedShape(config, facts, latentShape),
    feeds: timesteps => {
      const perToken = timesteps.filter((_, frame) => frame % framesPerToken === 0)
      return { ...fixed, timestep: tensor('f32', [1, grid.frames], perToken) }
    },
  }
}
