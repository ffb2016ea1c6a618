/** How the graphs of a coder go over a clip. */
import type { FrameLayer } from '../nn/frame-schedule.ts'
import type { ResidentTensor } from '../tensor/resident.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { RunGraph } from './conditioning.ts'

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

/** Where chunks are run, and how many frames are in one. */
export interface ChunkSettings {
  /** Latent frames of a chunk; the first frame is a chunk of its own. */
  readonly chunk: number
  readonly run: RunGraph
  readonly drop: (residents: Iterable<ResidentTensor>) => Promise<void>
  readonly signal: AbortSignal
}

/** A coder's run over a clip. */
export interface ClipRun<Graphs extends ClipGraphs = ClipGraphs> extends ChunkSettings {
  readonly graphs: Graphs
  /** What is cut into chunks: an input, and the axis of its frames. */
  readonly input: { readonly name: string; readonly tensor: Tensor; readonly axis: number }
  /** What it takes beside it. */
  readonly feeds: Readonly<Record<string, Tensor>>
  /** The outputs that are wanted. */
  readonly outputs: readonly string[]
}

/** The outputs of a chunk, in the order of the frames. */
export interface ChunkResult {
  readonly tensors: Readonly<Record<string, Tensor>>
  readonly seconds: number
}
