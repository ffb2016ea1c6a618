/** Reads the configs of a Wan checkpoint, and checks that its components fit each other. */
import path from 'node:path'
import { z } from 'zod'
import { CheckpointError } from '../../src/errors.ts'
import type { CheckpointConfigs } from '../../src/pipeline/family.ts'
import { checkConfig, readConfig } from '../../src/weights/read-config.ts'
import { type ClipVisionConfig, clipVisionConfig } from '../clip/config.ts'
import { type Umt5Config, umt5Config } from '../umt5/config.ts'
import {
  conditionChannels,
  outChannels,
  type WanTransformerConfig,
  type WanVaeConfig,
  wanTransformerConfig,
  wanVaeConfig,
} from './config.ts'
import { type PipelineChanges, pipelineChanges } from './pipelines.ts'

const indexSchema = z.object({
  boundary_ratio: z.number().min(0).max(1).nullish(),
  expand_timesteps: z.boolean().nullish(),
})

/** A network, which runs some or all of the steps. */
export interface WanExpert {
  readonly component: 'transformer' | 'transformer_2'
  /** The graph of its keys and values. */
  readonly context: string
  readonly config: WanTransformerConfig
}

export interface WanConfigs {
  /** The share of the 1000 training timesteps at which `transformer_2` takes over (Wan 2.2 A14B). */
  readonly boundaryRatio: number | undefined
  /** Whether latent frames have timesteps of their own (Wan 2.2 TI2V). */
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
  const file = path.join(checkpoint.folder, 'model_index.json')
  const index = checkConfig(indexSchema, checkpoint.index, file)
  const experts = readExperts(checkpoint)
  const [{ config: first }] = experts
  const configs: WanConfigs = {
    boundaryRatio: index.boundary_ratio ?? undefined,
    expandTimesteps: index.expand_timesteps ?? false,
    textEncoder: readConfig(umt5Config, checkpoint, 'text_encoder'),
    experts,
    vae: readConfig(wanVaeConfig, checkpoint, 'vae', { classes: ['AutoencoderKLWan'] }),
    imageEncoder: first.image_dim ? readConfig(clipVisionConfig, checkpoint, 'image_encoder') : undefined,
    changes: pipelineChanges(checkpoint.index, file),
  }
  if (
    experts.length === 1 &&
    experts[0].component === 'transformer_2' &&
    configs.boundaryRatio === undefined
  ) {
    throw new CheckpointError('checkpoint/config', {
      subject: `${file} boundary_ratio`,
      expected: 'a number, for without one transformer runs every step, and it is left out',
      got: 'null',
      advice: 'Use a checkpoint with both experts.',
    })
  }
  if (first.image_dim) readConfig(z.looseObject({}), checkpoint, 'image_processor')
  checkFit(configs, checkpoint.folder)
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
function checkFit(configs: WanConfigs, folder: string): void {
  const { experts, vae, textEncoder, imageEncoder } = configs
  for (const { component, config } of experts) {
    const expectField = (field: keyof WanTransformerConfig, expected: number, of: string) => {
      const got = config[field]
      if (got !== expected) throw misfit(path.join(folder, component), field, `${expected}, ${of}`, got)
    }
    if (outChannels(config) !== vae.z_dim) expectField('out_channels', vae.z_dim, 'the channels of the VAE')
    checkInputs(configs, config, path.join(folder, component))
    expectField('text_dim', textEncoder.d_model, 'the width of the text encoder')
    if (imageEncoder) expectField('image_dim', imageEncoder.hidden_size, 'the width of the image encoder')
  }
  const [first, second] = experts
  if (!second || first.config.in_channels === second.config.in_channels) return
  const expected = `${first.config.in_channels}, as the first expert has`
  throw misfit(path.join(folder, second.component), 'in_channels', expected, second.config.in_channels)
}

/** What the network sees has to be something that is made here: latents, and a picture's mask and latents, or a control. */
function checkInputs(
  { vae, expandTimesteps }: WanConfigs,
  config: WanTransformerConfig,
  folder: string,
): void {
  const picture = vae.scale_factor_temporal + vae.z_dim
  const extra = conditionChannels(config)
  const controlled = (config.vace_layers?.length ?? 0) > 0
  const withPicture = extra === picture && !controlled && !expandTimesteps
  if (extra !== 0 && !withPicture) {
    const expected =
      controlled || expandTimesteps
        ? `${vae.z_dim}, the latents alone`
        : `${vae.z_dim}, the latents alone, or ${vae.z_dim + picture}, with a picture's mask and latents`
    throw misfit(folder, 'in_channels', expected, config.in_channels)
  }
  const control = 2 * vae.z_dim + vae.scale_factor_spatial ** 2
  if (controlled && config.vace_in_channels !== control) {
    throw misfit(
      folder,
      'vace_in_channels',
      `${control}, two clips of latents and a mask`,
      config.vace_in_channels,
    )
  }
}

function misfit(folder: string, field: string, expected: string, got: unknown): CheckpointError {
  const advice = /channels/.test(field)
    ? 'Checkpoints that see other inputs (Fun-Control, cameras, …) cannot be run.'
    : 'The components are of different models: put the ones of one model together.'
  return new CheckpointError('checkpoint/config', {
    subject: `${path.join(folder, 'config.json')} ${field}`,
    expected,
    got: JSON.stringify(got) ?? 'none',
    advice,
  })
}
