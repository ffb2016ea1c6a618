import type { PictureSize } from '../geometry/nearest-size.ts'
import type { VideoGeometry } from '../geometry/video-geometry.ts'
import type { SamplerName } from '../sampling/samplers/sampler.ts'
import type { Trained } from './trained.ts'

/** Ways to direct a video, beside the prompt: a first frame, a last one, frames in between, a video to start from, … */
export type Mode = 'text' | 'image' | 'last-image' | 'keyframes' | 'video' | 'control' | 'references'

/** How messages and tables name the modes, with the fields that ask for each. */
export const modeNames: Readonly<Record<Mode, string>> = {
  text: 'text to video',
  image: 'a first frame (image)',
  'last-image': 'a last frame (lastImage)',
  keyframes: 'keyframes (keyframes)',
  video: 'video to video (video with strength)',
  control: 'a control video (video, mask)',
  references: 'reference pictures (references)',
}

/** What a request has where it does not say otherwise. */
export interface Defaults {
  readonly width: number
  readonly height: number
  readonly frames: number
  readonly fps: number
  readonly steps: number
  readonly guidance: number
  /** @default [0, 1], all steps */
  readonly guidanceInterval?: readonly [number, number]
  /** @default 0, off */
  readonly guidanceRescale?: number
  readonly negativePrompt: string
  /** Constant rate factor of H.264 that given pictures go through first, for models that take it. */
  readonly pictureCrf?: number
}

/** Settings of a few-step model or adapter. */
export interface Preset {
  readonly name: string
  /** The models and adapters that it is for. */
  readonly what: string
  /** Where the settings are given. */
  readonly source: string
  /** Values of request fields. */
  readonly fields: {
    readonly steps?: number
    readonly timesteps?: readonly number[]
    readonly sigmas?: readonly number[]
    readonly guidance?: number
    readonly shift?: number
    readonly sampler?: SamplerName
  }
  /** Matches what the header of such a file says of it. */
  readonly recognized: RegExp
}

/** What is read of a model to check a request and to fill in what it leaves open. */
export interface RequestFacts {
  readonly geometry: VideoGeometry
  readonly defaults: Defaults
  /** Tokens that a prompt is padded or cut to, unless a request says otherwise. */
  readonly textTokens: number
  /** One entry for each network that shares the steps. */
  readonly experts: readonly unknown[]
  /** What a request can ask for, and what it has to. */
  readonly modes: readonly Mode[]
  readonly requires: readonly Mode[]
  /** Names of the opt-in fields that the model has a use for. */
  readonly takes: readonly string[]
  readonly trained?: Trained | undefined
  /** Whether there is one: the sound that it makes. */
  readonly sound?: unknown
  /** Whether guidance below 1 is off, or guides towards the unconditional velocity. @default 'off' */
  readonly guidanceBelowOne?: 'off' | 'guides'
  /**
   * Of models that cover a frame with a picture and cut off what stands over after it was resized: the sizes of which a
   * video takes the one nearest to its picture's shape. @default any size, and pictures are cut before they are resized
   */
  readonly coveredSizes?: readonly PictureSize[] | undefined
  /**
   * Whether the pictures and clips of a request cover a frame, and what stands over is cut off.
   * @default they are stretched, unless the request has them cut first
   */
  covers?(pictures: { readonly keyframes: readonly unknown[]; readonly lastImage?: unknown }): boolean
  /**
   * Whether a picture for a frame that is counted from the end, the last one included, stands at that frame or at the first
   * frame of its latent frame.
   * @default 'frames'
   */
  readonly countedFromEnd?: 'frames' | 'latents'
  /** @default none */
  readonly presets?: readonly Preset[]
}
