import { z } from 'zod'
import type { Defaults, PipelineAlias } from '../../src/pipeline/family.ts'
import type { Spacing } from '../../src/sampling/schedules/schedule.ts'
import { checkConfig } from '../../src/weights/read-config.ts'

/** The classes of diffusers' `pipelines/wan`. */
export const wanPipelines = [
  'WanPipeline',
  'WanImageToVideoPipeline',
  'WanVideoToVideoPipeline',
  'WanVACEPipeline',
] as const

/** What a pipeline class changes about a checkpoint with the network of Wan. */
export interface PipelineChanges {
  readonly defaults?: Partial<Defaults>
  /** In place of scheduler_config.json. */
  readonly scheduler?: object
  /** The noise levels that it was distilled to. */
  readonly spacing?: Spacing
}

interface Alias extends PipelineAlias {
  read(index: Readonly<Record<string, unknown>>, file: string): PipelineChanges
}

/** SkyReels V2's own size, length and rate (diffusers `pipelines/skyreels_v2`). */
const skyReelsDefaults = { width: 960, height: 544, frames: 97, fps: 24 }

/**
 * Classes with the same network: of FastVideo (`WanDMDPipeline`), of FastGen (`WanT2VDMD2Pipeline`) and of
 * SkyReels V2.
 */
const aliases: readonly Alias[] = [
  {
    name: 'WanDMDPipeline',
    of: 'WanPipeline',
    changes: 'three steps at 1000, 757 and 522 with fresh noise between them, without guidance',
    read: () => ({
      defaults: { steps: 3, guidance: 1 },
      scheduler: { _class_name: 'FlowMatchLCMScheduler' },
      spacing: { timesteps: [1000, 757, 522] },
    }),
  },
  {
    name: 'WanT2VDMD2Pipeline',
    of: 'WanPipeline',
    changes: 'the steps of dmd2_config in model_index.json, or 999, 937, 833 and 624, without guidance',
    read: readDmd2,
  },
  {
    name: 'SkyReelsV2Pipeline',
    of: 'WanPipeline',
    changes: '960x544, 97 frames at 24 fps, guidance 6',
    read: () => ({ defaults: { ...skyReelsDefaults, guidance: 6 } }),
  },
  {
    name: 'SkyReelsV2ImageToVideoPipeline',
    of: 'WanImageToVideoPipeline',
    changes: '960x544, 97 frames at 24 fps',
    read: () => ({ defaults: skyReelsDefaults }),
  },
]

export const wanAliases: readonly PipelineAlias[] = aliases

/** What the class that an index names changes; nothing for diffusers' own. */
export function pipelineChanges(index: Readonly<Record<string, unknown>>, file: string): PipelineChanges {
  return aliases.find(({ name }) => name === index._class_name)?.read(index, file) ?? {}
}

const timesteps = z.array(z.number().gt(0).max(1000)).min(1)

/** FastGen's settings: in a block of their own, or, in older folders, beside the components. */
const dmd2Schema = z.object({
  dmd2_config: z
    .object({
      denoising_timesteps: timesteps.nullish(),
      solver: z.enum(['ode', 'sde']).default('ode'),
      guidance_scale: z.number().default(1),
    })
    .nullish(),
  dmd2_denoising_timesteps: timesteps.nullish(),
  dmd2_scheduler_shift: z.number().positive().default(1),
  dmd2_guidance_scale: z.number().default(1),
})

function readDmd2(index: Readonly<Record<string, unknown>>, file: string): PipelineChanges {
  const fields = checkConfig(dmd2Schema, index, file)
  const { dmd2_config: block } = fields
  const steps = block?.denoising_timesteps ?? fields.dmd2_denoising_timesteps ?? [999, 937, 833, 624]
  return {
    defaults: { steps: steps.length, guidance: block?.guidance_scale ?? fields.dmd2_guidance_scale },
    scheduler: {
      _class_name: 'FlowMatchEulerDiscreteScheduler',
      shift: fields.dmd2_scheduler_shift,
      stochastic_sampling: block?.solver === 'sde',
    },
    spacing: { timesteps: steps },
  }
}
