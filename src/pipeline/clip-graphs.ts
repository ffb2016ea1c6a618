/** How the graphs of a coder go over a clip. */
import type { FrameLayer } from '../nn/frame-schedule.ts'

/** The graphs of a coder that is run over a clip in parts. */
export type ClipGraphs = CausalGraphs | StagedGraphs

/** The graphs of a causal coder: for the first frame of a clip, and for every later chunk; undefined where there is none. */
export interface CausalGraphs {
  readonly first: string
  readonly next: string | undefined
  /** Latent frames of a later chunk, where that is one number. @default as many as the memory plan says */
  readonly chunk?: number
  /** Whether the caches grow with every chunk, so that the last one takes the most memory. */
  readonly growing?: boolean
}

/**
 * The graphs of a coder that sees frames ahead, one after the other. Each is run over its frames in parts and gives a frame
 * when it has seen enough; what is left comes with its last part.
 */
export interface StagedGraphs {
  readonly stages: readonly FrameStage[]
}

/** A graph whose convolutions see frames through a `FrameStream`. The `features` of one are `features.in` of the next. */
export interface FrameStage {
  readonly graph: string
  readonly layers: readonly FrameLayer[]
  /** Whether its convolutions see no frame ahead. */
  readonly causal: boolean
  /** Frames that it takes for each latent frame after the first. */
  readonly framesPerLatent: number
  /** What it takes of the decoder's feeds: as they are, and cut into the same parts as its frames. */
  readonly feeds: readonly string[]
  readonly feedsByFrame: readonly string[]
}
