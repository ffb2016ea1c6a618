import type { SoundFormat } from '../media/sound/sound.ts'
import type { Notice } from '../notices.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { DenoiseState } from './denoise-state.ts'
import type { MemoryPlan } from './memory-plan.ts'
import type { GeneratePlan } from './request.ts'

/** What happens while a video is made, in this order; notices come as soon as they are known. */
export type GenerateEvent =
  | StartEvent
  | NoticeEvent
  | ConditioningReadyEvent
  | StepEndEvent
  | PreviewEvent
  | MemoryPlanEvent
  | AudioReadyEvent
  | FramesDecodedEvent
  | VideoEndEvent

/** Where sound is from: `made` by the model, `kept` of the clip that is worked from, or `given` as a file. */
export type SoundOrigin = 'made' | 'kept' | 'given'

/** The request is valid; every default is filled in. */
export interface StartEvent {
  readonly type: 'start'
  readonly plan: GeneratePlan
  readonly device: string
  readonly memory: MemoryPlan
  /** The sound that the video gets; undefined for a silent one. */
  readonly sound?: SoundFormat & {
    readonly origin: SoundOrigin
    /** The file that it is of; undefined for the model's. */
    readonly path?: string
  }
}

/** Something was rounded, cut, clamped, dropped or replaced. Each is said once per run. */
export interface NoticeEvent extends Notice {
  readonly type: 'notice'
}

export interface ConditioningReadyEvent {
  readonly type: 'conditioning-ready'
  readonly seconds: number
  /** Tokens of the prompt; `truncated` when there were more than the model takes. */
  readonly promptTokens: number
  readonly truncated: boolean
  /** With `tensors`: the initial noise. */
  readonly tensors?: { readonly latents: Tensor }
}

export interface StepEndEvent {
  readonly type: 'step-end'
  /** From 1 to `of`. */
  readonly step: number
  readonly of: number
  /** Noise level after the step, from 1 to 0. */
  readonly sigma: number
  readonly timestep: number
  /** Whether the network did not run: with `stepCache` or zero-initialised steps. */
  readonly skipped: boolean
  /** Whether there was guidance; without it, a step needs one run of the network instead of two. */
  readonly guided: boolean
  readonly seconds: number
  /** With `states`: what a run of the same request can be resumed from. */
  readonly state?: DenoiseState
  /** With `tensors`: what the network gave, or what stood in for it in a skipped step, and the latents after the step. */
  readonly tensors?: StreamTensors & {
    /** The same of what is denoised beside the video, by the name of the stream. */
    readonly others?: Readonly<Record<string, StreamTensors>>
  }
}

/** Of one stream: the latents after a step, and the velocity of every pass of the network by its name. */
export interface StreamTensors {
  readonly latents: Tensor
  readonly conditional: Tensor
  readonly unconditional?: Tensor
}

/** After some steps, but not the last: what the middle of the clip is about to show. */
export interface PreviewEvent {
  readonly type: 'preview'
  /** The step that it follows, from 1 to `of`. */
  readonly step: number
  readonly of: number
  readonly width: number
  readonly height: number
  /** RGB, [height, width, 3]. */
  readonly frame: Uint8Array
  readonly seconds: number
}

/** The memory ran out: the run goes on under another plan, from where it was. */
export interface MemoryPlanEvent {
  readonly type: 'memory-plan'
  readonly memory: MemoryPlan
  /** The plan in words. */
  readonly text: string
}

/**
 * Sound of the clip, before the frames that it belongs to. It begins with the first frame; where it ends before the last
 * one the rest of the clip is silent.
 */
export interface AudioReadyEvent extends SoundFormat {
  readonly type: 'audio-ready'
  /** Index of the first of these samples in the clip's sound. */
  readonly first: number
  /** Samples of each channel. */
  readonly count: number
  /** PCM from −1 to 1, [channels, count]. */
  readonly samples: Float32Array
  readonly seconds: number
}

export interface FramesDecodedEvent {
  readonly type: 'frames-decoded'
  /** Index of the first of these frames in the clip. */
  readonly first: number
  readonly count: number
  readonly of: number
  readonly width: number
  readonly height: number
  /** RGB, [count, height, width, 3]. */
  readonly frames: Uint8Array
  readonly seconds: number
  /** With `tensors`: the frames before rounding, [count, 3, height, width] in [−1, 1]. */
  readonly tensors?: { readonly decoded: Tensor }
}

export interface VideoEndEvent {
  readonly type: 'video-end'
  readonly plan: GeneratePlan
  /** The latents that were decoded, [channels, frames, height, width]. */
  readonly latents: Tensor
  /** Steps in which the network did not run. */
  readonly skippedSteps: number
  /** Steps whose guidance the guidance interval left out, skipped or not; 0 for a run without guidance. */
  readonly unguidedSteps: number
  readonly seconds: StageSeconds
}

export interface StageSeconds {
  readonly conditioning: number
  readonly denoising: number
  readonly decoding: number
  readonly total: number
  /** Time inside runs of graphs, of the total. */
  readonly running: number
}
