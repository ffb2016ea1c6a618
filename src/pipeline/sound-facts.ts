/** How the sound of a clip is made of the latents of a stream. */
export interface SoundFacts {
  /** Index into the facts' streams: the latents that it is decoded from. */
  readonly stream: number
  /** Samples a second of each channel. */
  readonly rate: number
  readonly channels: number
  /**
   * The graphs that decode it, in their order. The first takes `latents` in the shape of the stream; every other one what the
   * one before gives, by the same name; the last gives `waveform`, f32 [channels, samples] in [−1, 1]. The sound begins with
   * the picture, and where it ends before it the picture goes on in silence: it is not stretched.
   */
  readonly decoder: readonly [SoundGraph, ...SoundGraph[]]
  /** The shape of the latents of a clip's sound, as `StreamConditioning.shape` without extra positions. */
  latentShape(clip: { readonly frames: number; readonly fps: number }): readonly number[]
}

/** A graph with one input and one output, whose steps in time depend on those near them alone: a long sound is run in parts. */
export interface SoundGraph {
  readonly graph: string
  /** The axis of time of its input, and of its output. */
  readonly axes: readonly [input: number, output: number]
  /** Steps of the output for each of the input. */
  readonly perStep: number
  /** How many fewer the first step of an input has. */
  readonly fewer: number
  /** Steps of the input before and after one that its output depends on. */
  readonly context: readonly [before: number, after: number]
  /** Steps of the input that are run at a time, beside their context. */
  readonly chunk: number
}
