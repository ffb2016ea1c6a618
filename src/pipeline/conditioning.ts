/** What a model makes of a request for the run: what the network sees beside latents and time, and how it is fed. */
import type { LatentSize } from '../geometry/video-geometry.ts'
import type { Picture } from '../media/read-picture.ts'
import type { Notify } from '../notices.ts'
import type { RunOptions, RunResult } from '../runtime/backend.ts'
import type { NoiseGenerator } from '../tensor/random.ts'
import type { Feed, ResidentTensor } from '../tensor/resident.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { GeneratePlan } from './fields/request-fields.ts'

export type { Feed, ResidentTensor, RunOptions, RunResult }

/** Runs a graph of the model by name, opening its session where needed. */
export type RunGraph = (
  graph: string,
  feeds: Readonly<Record<string, Feed>>,
  options?: RunOptions,
) => Promise<RunResult>

export interface PromptsRequest {
  readonly prompts: readonly string[]
  /** Tokens to pad or cut to. */
  readonly textTokens: number
  /** Attention with a bias is given keys in multiples of this. */
  readonly keyMultiple: number
}

export interface TextConditioning {
  /** Feeds of the denoiser, by expert; resident ones are freed when the run is over. */
  readonly feeds: readonly Readonly<Record<string, Feed>>[]
  /** Tokens of the prompt, with its end. */
  readonly tokens: number
  /** Tokens that it was padded or cut to, where the tokenizer allows fewer than were asked for. */
  readonly length?: number
  /** Whether the prompt was longer than the tokens it may have. */
  readonly truncated: boolean
  /** Parts of the prompt that are read apart and were longer than they may be, as sentences without a stop. */
  readonly cutParts?: readonly string[]
  /** Words with characters that the tokenizer does not know. */
  readonly unknown?: readonly string[]
}

/** The pictures and videos of a request, as they were read; clips have the frames of the clip to make. */
export interface VisualInputs {
  readonly image: Picture | undefined
  readonly lastImage: Picture | undefined
  readonly keyframes: readonly Keyframe[]
  readonly video: readonly Picture[] | undefined
  readonly mask: readonly Picture[] | undefined
  readonly references: readonly Picture[]
}

/** Pictures at a frame of the clip: one, or several that follow each other. */
export interface Keyframe {
  readonly frame: number
  readonly pictures: readonly Picture[]
  /** From 0 to 1: how far the clip may leave them is the rest. */
  readonly strength: number
}

export interface VisualContext {
  readonly width: number
  readonly height: number
  readonly frames: number
  readonly size: LatentSize
  readonly fps: number
  readonly plan: GeneratePlan
  /** The run's generator, before anything was drawn from it. */
  readonly noise: NoiseGenerator
  readonly run: RunGraph
  /** Told what is not used as it was given. */
  readonly notify: Notify
  /**
   * Finished latents of the stage before, by stream, enlarged to the size of this one.
   * @default the run's first stage
   */
  readonly from?: readonly Tensor[]
  /**
   * Normalised latents [channels, frames, h, w] of pictures, f32 [frames, 3, height, width] in [−1, 1].
   * @param feeds that the encoder takes beside them, of the latents' shape
   */
  encode(pictures: Tensor | LazyPictures, feeds?: Readonly<Record<string, Tensor>>): Promise<Tensor>
}

/** Pictures of a clip that are made as they are encoded: the floats of one chunk at a time are in memory. */
export interface LazyPictures {
  /** [frames, 3, height, width] */
  readonly shape: readonly number[]
  /** One picture, [3, height, width] in [−1, 1]; undefined for zeros. */
  picture(frame: number): Float32Array | undefined
}

export interface VisualConditioning {
  /** Feeds of the denoiser, by expert; resident ones are freed when the run is over. */
  readonly feeds: readonly Readonly<Record<string, Feed>>[]
  /** One for each of the facts' streams. */
  readonly streams: readonly StreamConditioning[]
}

/**
 * The latents of a stream before the first step, and what is known of them. A position is an entry of axis 1, such as a
 * latent frame; lists by position may be finer and divide the axes behind it, too: as many entries as latent cells make
 * every cell a position.
 */
export interface StreamConditioning {
  /** Of the latents while they are denoised: [channels, positions, …]. */
  readonly shape: readonly number[]
  /**
   * Entries of axis 1 that are denoised along and cut off afterwards; where they lie in the clip is up to the feeds.
   * @default none
   */
  readonly extra?: { readonly before: number; readonly after: number }
  /** Length of the sequence for a dynamic shift of the noise levels. @default that of the clip, without extra ones */
  readonly tokens?: number
  /** Latents to begin from. @default noise */
  readonly initial?: {
    readonly latents: Float32Array
    /** Whether they hold their noise already, or are clean and get as much as the first step's level asks for. */
    readonly noise: 'included' | 'added'
  }
  /** What is known of single positions. @default nothing: all are free */
  readonly known?: KnownPositions
}

/**
 * Positions whose latents are known, wholly or in part. With the run's noise level sigma, a position is at
 * min(share · sigma, limit), which the network is told as its timestep.
 */
export interface KnownPositions {
  /** Clean latents of the stream, in its shape; read where `shown` or `pull` is not 0. */
  readonly latents: Float32Array
  /** 1 where the network is shown the clean latents in place of the run's own, which end up in the clip. @default 0 */
  readonly shown?: Float32Array
  /** Noise on what is shown, times sigma², drawn in every step as [cells, channels]. @default 0 */
  readonly shownNoise?: number
  /** @default 1 */
  readonly share?: Float32Array
  /**
   * The most noise a position has. With limits every position is stepped on its own, from its own level, once the run
   * has come down to it; until then it stays what the network was shown. Takes a sampler with `stepTokens`. @default 1
   */
  readonly limit?: Float32Array
  /** How far the denoised latents are replaced by the clean ones after guidance, from 0 to 1. @default 0 */
  readonly pull?: Float32Array
}

/** How the network is fed for streams of given shapes. */
export interface Denoiser {
  readonly streams: readonly DenoiserStream[]
  /**
   * What it takes beside latents and conditions.
   * @param times the noise levels of the step
   */
  feeds(times: StepTimes): Readonly<Record<string, Tensor>>
  /**
   * Passes for guidance beside `conditional` and `unconditional`, by name. They see the prompt; `Model.guide` says how
   * strongly each counts. @default none
   */
  readonly passes?: Readonly<Record<string, GuidancePass>>
}

export interface DenoiserStream {
  /** Names of the latents among the graph's inputs, and of their velocity among its outputs. */
  readonly input: string
  readonly output: string
  /** The shape that the graph has both in, which leaves the bytes of the latents as they are. */
  readonly shape: readonly number[]
}

/** How a pass differs from the conditional one. */
export interface GuidancePass {
  /** Graphs that it runs, by expert. @default those of the experts */
  readonly graphs?: readonly string[]
  /** Feeds that it adds or replaces. @default none */
  readonly feeds?: Readonly<Record<string, Feed>>
}

/** The noise levels of a step, as timesteps: what the network embeds. */
export interface StepTimes {
  /** The run's, by stream. */
  readonly timesteps: readonly number[]
  /** Those of the following step, by stream; 0 in the last. */
  readonly next: readonly number[]
  /** Of every position, by stream: as many as the stream's lists by position have, or as axis 1 has. */
  readonly positions: readonly Float32Array[]
}

/** Everything that the network sees besides latents and timestep. */
export interface Conditions {
  readonly conditional: TextConditioning
  /** Only when guidance needs it. */
  readonly unconditional?: TextConditioning
  readonly visual: VisualConditioning
}
