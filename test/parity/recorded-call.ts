/** The calls of diffusers' pipelines that cases were recorded with. */
import type { GenerateRequest } from '../../src/index.ts'

/** What a pipeline was called with, beside pictures and clips. */
export interface RecordedCall {
  readonly prompt: string
  readonly negative_prompt?: string
  readonly height?: number
  readonly width?: number
  readonly num_frames?: number
  readonly num_inference_steps: number
  readonly sigmas?: readonly number[]
  readonly frame_rate?: number
  readonly max_sequence_length?: number
  readonly strength?: number
  readonly conditioning_scale?: number | readonly number[]
  readonly guidance_scale?: number
  readonly guidance_scale_2?: number
  readonly guidance_rescale?: number
  readonly decode_timestep?: number
  readonly decode_noise_scale?: number
  readonly image_cond_noise_scale?: number
  readonly audio_guidance_scale?: number
  readonly audio_guidance_rescale?: number
  readonly stg_scale?: number
  readonly audio_stg_scale?: number
  readonly modality_scale?: number
  readonly audio_modality_scale?: number
  readonly spatio_temporal_guidance_blocks?: readonly number[] | null
  readonly use_cross_timestep?: boolean
}

const fields: Readonly<Record<keyof RecordedCall, keyof GenerateRequest>> = {
  prompt: 'prompt',
  negative_prompt: 'negativePrompt',
  height: 'height',
  width: 'width',
  num_frames: 'frames',
  num_inference_steps: 'steps',
  sigmas: 'sigmas',
  frame_rate: 'fps',
  max_sequence_length: 'maxTextTokens',
  strength: 'strength',
  conditioning_scale: 'controlScale',
  guidance_scale: 'guidance',
  guidance_scale_2: 'guidance2',
  guidance_rescale: 'guidanceRescale',
  decode_timestep: 'decodeTimestep',
  decode_noise_scale: 'decodeNoiseScale',
  image_cond_noise_scale: 'imageNoiseScale',
  audio_guidance_scale: 'audioGuidance',
  audio_guidance_rescale: 'audioGuidanceRescale',
  stg_scale: 'stgScale',
  audio_stg_scale: 'audioStgScale',
  modality_scale: 'modalityGuidance',
  audio_modality_scale: 'audioModalityGuidance',
  spatio_temporal_guidance_blocks: 'stgBlocks',
  use_cross_timestep: 'useCrossTimestep',
}

/** The request that asks for the same, with tensors in its events. */
export function requestOfCall(call: RecordedCall): GenerateRequest {
  const said = Object.entries(fields).flatMap(([theirs, ours]) => {
    const value = call[theirs as keyof RecordedCall]
    return value === undefined || value === null ? [] : [[ours, value]]
  })
  return { ...(Object.fromEntries(said) as Pick<GenerateRequest, 'prompt'>), tensors: true }
}
