/** The configs of a Wan checkpoint, and how its components have to fit each other. */
import { z } from 'zod'
import { CheckpointError } from '../../src/errors.ts'
import type { CheckpointConfigs, Mode } from '../../src/pipeline/family.ts'
import { type ComponentFit, checkFit } from '../../src/weights/check-fit.ts'
import { checkConfig, indexPlace, readConfig } from '../../src/weights/read-config.ts'
import { type ClipVisionConfig, clipVisionConfig } from '../clip/config.ts'
import { type Umt5Config, umt5Config } from '../umt5/config.ts'
import { type PipelineChanges, pipelineChanges, wanPipelines } from './pipelines.ts'
import { type WanVaeConfig, wanVaeConfig } from './vae-config.ts'

const positive = z.number().int().positive()

/** The fields of diffusers' `WanTransformer3DModel`; missing ones have that class's defaults. */
const transformerFields = z.object({
  patch_size: z.tuple([positive, positive, positive]).default([1, 2, 2]),
  num_attention_heads: positive.default(40),
  attention_head_dim: positive.default(128),
  in_channels: positive.default(16),
  /** Of the latents, and of the velocity. @default all that it sees */
  out_channels: positive.nullish(),
  text_dim: positive.default(4096),
  freq_dim: positive.default(256),
  ffn_dim: positive.default(13824),
  num_layers: positive.default(40),
  cross_attn_norm: z.boolean().default(true),
  qk_norm: z.literal('rms_norm_across_heads').default('rms_norm_across_heads'),
  eps: z.number().positive().default(1e-6),
  image_dim: positive.nullish(),
  added_kv_proj_dim: positive.nullish(),
  rope_max_seq_len: positive.default(1024),
  pos_embed_seq_len: positive.nullish(),
  /** Of `WanVACETransformer3DModel`: the layers that get a hint, and the channels of the control. */
  vace_layers: z.array(z.number().int().nonnegative()).nullish(),
  vace_in_channels: positive.nullish(),
  /** Of `SkyReelsV2Transformer3DModel`: a frame rate that it sees, and blocks of frames that see no later ones. */
  inject_sample_info: z
    .literal(false, 'true: a network that sees the frame rate cannot be run')
    .default(false),
  num_frame_per_block: z.literal(1, 'more than 1: a network of diffusion forcing cannot be run').default(1),
})

/** Where the class of SkyReels V2 has other defaults. */
const skyReelsFields = { num_attention_heads: 16, ffn_dim: 8192, num_layers: 32 }

export const wanTransformerConfig = z.preprocess(
  config => {
    const { _class_name: name } = (config ?? {}) as { _class_name?: unknown }
    return name === 'SkyReelsV2Transformer3DModel' ? { ...skyReelsFields, ...(config as object) } : config
  },
  transformerFields.transform(config => ({
    ...config,
    out_channels: config.out_channels ?? config.in_channels,
  })),
)

export type WanTransformerConfig = z.infer<typeof wanTransformerConfig>

/** Channels that the network sees beside the latents: image-to-video checkpoints' mask and picture. */
export function conditionChannels(config: WanTransformerConfig): number {
  return config.in_channels - config.out_channels
}

/** What a checkpoint can be asked for, and what it must be, from its config alone. */
export function wanModes(
  config: WanTransformerConfig,
  perFrameTimesteps: boolean,
): { modes: readonly Mode[]; requires: readonly Mode[] } {
  if (config.vace_layers?.length) return { modes: ['text', 'control', 'references'], requires: [] }
  if (conditionChannels(config) > 0) {
    // A picture encoder without learned positions tells one picture from another by nothing.
    const last: Mode[] = config.image_dim && !config.pos_embed_seq_len ? [] : ['last-image']
    // Learned positions are those of two pictures.
    const both: Mode[] = config.pos_embed_seq_len ? ['last-image'] : []
    return { modes: ['text', 'image', ...last], requires: ['image', ...both] }
  }
  if (perFrameTimesteps) return { modes: ['text', 'image', 'last-image', 'keyframes', 'video'], requires: [] }
  return { modes: ['text', 'video'], requires: [] }
}

const indexSchema = z.object({
  boundary_ratio: z.number().min(0).max(1).nullish(),
  expand_timesteps: z.boolean().nullish(),
})

/** A network, which runs some or all of the steps. */
export interface WanExpert {
  readonly component: 'transformer' | 'transformer_2'
  /** The graph of what its cross-attentions see of a prompt. */
  readonly context: string
  readonly config: WanTransformerConfig
}

export interface WanConfigs {
  /** The share of the 1000 training timesteps at which `transformer_2` takes over (Wan 2.2 A14B). */
  readonly boundaryRatio: number | undefined
  /** Whether each latent frame has its own timestep (Wan 2.2 TI2V). */
  readonly expandTimesteps: boolean
  readonly textEncoder: Umt5Config
  /** One, or the experts of high and of low noise. */
  readonly experts: readonly [WanExpert, ...WanExpert[]]
  readonly vae: WanVaeConfig
  /** CLIP, of Wan 2.1 image-to-video checkpoints. */
  readonly imageEncoder: ClipVisionConfig | undefined
  readonly changes: PipelineChanges
}

const transformerClasses = [
  'WanTransformer3DModel',
  'WanVACETransformer3DModel',
  'SkyReelsV2Transformer3DModel',
]

/** @throws CheckpointError for a config that is missing, wrong, or does not fit the others */
export function readWanConfigs(checkpoint: CheckpointConfigs): WanConfigs {
  const file = indexPlace(checkpoint)
  const index = checkConfig(indexSchema, checkpoint.index, file)
  const experts = readExperts(checkpoint)
  const [{ config: first }] = experts
  // One of diffusers' `pipelines/wan`.
  const isOwnClass = wanPipelines.some(each => each === checkpoint.index._class_name)
  const configs: WanConfigs = {
    boundaryRatio: index.boundary_ratio ?? undefined,
    expandTimesteps: index.expand_timesteps ?? false,
    textEncoder: readConfig(umt5Config, checkpoint, 'text_encoder'),
    experts,
    vae: readConfig(wanVaeConfig, checkpoint, 'vae', { classes: ['AutoencoderKLWan'] }),
    imageEncoder: first.image_dim ? readConfig(clipVisionConfig, checkpoint, 'image_encoder') : undefined,
    changes: isOwnClass ? {} : pipelineChanges(checkpoint.index, file),
  }
  const lowAlone = experts.length === 1 && experts[0].component === 'transformer_2'
  if (lowAlone && configs.boundaryRatio === undefined) {
    throw new CheckpointError('checkpoint/config', {
      subject: `${file} boundary_ratio`,
      expected: 'a number, for without one transformer runs every step, and it is left out',
      got: 'null',
      advice: 'Use a checkpoint with both experts.',
    })
  }
  if (first.image_dim) readConfig(z.looseObject({}), checkpoint, 'image_processor')
  checkFit(checkpoint, fitsOf(configs))
  return configs
}

/** Either may be left out; the second is named by its folder, not by its place. */
function readExperts(checkpoint: CheckpointConfigs): readonly [WanExpert, ...WanExpert[]] {
  const read = (component: WanExpert['component'], context: string): WanExpert => ({
    component,
    context,
    config: readConfig(wanTransformerConfig, checkpoint, component, { classes: transformerClasses }),
  })
  const second = checkpoint.components.transformer_2 ? [read('transformer_2', 'context_2')] : []
  const [only] = second
  if (only && checkpoint.components.transformer === undefined) return [only]
  return [read('transformer', 'context'), ...second]
}

/** Channels and widths that one component gives and another takes. */
function fitsOf({ experts, vae, textEncoder, imageEncoder, expandTimesteps }: WanConfigs): ComponentFit[] {
  const other = 'Checkpoints that see other inputs (Fun-Control, cameras, …) cannot be run.'
  const [{ config: first }] = experts
  return experts.flatMap(({ component, config }): ComponentFit[] => {
    const { in_channels, vace_in_channels } = config
    // Latents, with the mask and latents of a picture where the network takes one, or a control beside them.
    const controlled = (config.vace_layers?.length ?? 0) > 0
    const picture = controlled || expandTimesteps ? 0 : vae.scale_factor_temporal + vae.z_dim
    const seen = conditionChannels(config) === picture ? in_channels : vae.z_dim
    const withPicture = picture > 0 ? `, or ${vae.z_dim + picture}, with a picture's mask and latents` : ''
    const control = 2 * vae.z_dim + vae.scale_factor_spatial ** 2
    const image = imageEncoder?.hidden_size
    const fits: (ComponentFit | undefined)[] = [
      [component, 'out_channels', config.out_channels, vae.z_dim, 'the channels of the VAE', other],
      [component, 'in_channels', in_channels, seen, `the latents alone${withPicture}`, other],
      controlled
        ? [component, 'vace_in_channels', vace_in_channels, control, 'two clips of latents and a mask', other]
        : undefined,
      [component, 'text_dim', config.text_dim, textEncoder.d_model, 'the width of the text encoder'],
      image ? [component, 'image_dim', config.image_dim, image, 'the width of the image encoder'] : undefined,
      [component, 'in_channels', in_channels, first.in_channels, 'as the first expert has', other],
    ]
    return fits.filter(fit => fit !== undefined)
  })
}
