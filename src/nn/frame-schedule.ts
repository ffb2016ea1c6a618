/** Which frames the convolutions of a network see when a clip is given to it in parts: the indices that `FrameStream` takes. */
import { elementCount } from '../tensor/dtype.ts'
import { hollow, isHollow, type Tensor, tensor } from '../tensor/tensor.ts'

/** Frames of the past that a convolution over three frames needs. */
export const keptFrames = 2

/** Convolutions over three frames that follow each other, with what changes the number of frames behind them. */
export interface FrameLayer {
  /** Channels that each of its convolutions takes. */
  readonly channels: readonly number[]
  /** Whether its input is needed beside its output, frame by frame. */
  readonly shortcut: boolean
  /**
   * By how much frames, and height and width, are multiplied behind it. Where frames are doubled, the first one of the clip
   * becomes one frame: the first of its two is not used.
   */
  readonly time: 1 | 2
  readonly space: 1 | 2
}

/** Part of a clip: how many frames, and whether they are the last ones. */
export interface ClipPart {
  readonly frames: number
  readonly last: boolean
}

interface PartPlan {
  /** The inputs `window.i` and `shortcut.i` of `FrameStream`. */
  readonly feeds: Readonly<Record<string, Tensor<'i32'>>>
  /** Frames that come out of every convolution. */
  readonly counts: readonly number[]
}

interface ConvolutionState {
  received: number
  emitted: number
}

/**
 * What a network of layers takes in and gives for one part of a clip after the other. A convolution that sees the frame
 * after its own gives a frame only when the next one is there: it is one frame behind, and catches up with the last part.
 * Beyond the ends of the clip its first and its last frame are repeated.
 */
export class FrameSchedule {
  readonly #layers: readonly FrameLayer[]
  readonly #causal: boolean
  readonly #convolutions: ConvolutionState[]

  /** @param causal whether a convolution sees the two frames before its own instead of one on each side */
  constructor(layers: readonly FrameLayer[], causal: boolean) {
    this.#layers = layers
    this.#causal = causal
    this.#convolutions = layers.flatMap(({ channels }) => channels.map(() => ({ received: 0, emitted: 0 })))
  }

  /** Goes on by a part of the clip. */
  next({ frames, last }: ClipPart): PartPlan {
    const feeds: Record<string, Tensor<'i32'>> = {}
    const counts: number[] = []
    let index = 0
    let shortcuts = 0
    let incoming = { count: frames, unused: 0 }
    for (const { channels, shortcut, time } of this.#layers) {
      const first = this.#convolutions[index]!
      const entered = { unused: incoming.unused, received: first.received }
      let given = { from: 0, to: 0 }
      for (const _ of channels) {
        const state = this.#convolutions[index]!
        const at = { unused: incoming.unused, received: state.received }
        given = advance(state, incoming.count - incoming.unused, last || this.#causal ? 0 : 1)
        feeds[`window.${index}`] = indices(framesOf(given).flatMap(each => this.#windowOf(each, state, at)))
        incoming = { count: given.to - given.from, unused: 0 }
        counts.push(incoming.count)
        index++
      }
      if (shortcut)
        feeds[`shortcut.${shortcuts++}`] = indices(framesOf(given).map(each => place(each, entered)))
      if (time === 2) incoming = { count: 2 * incoming.count, unused: given.from === 0 ? 1 : 0 }
    }
    return { feeds, counts }
  }

  /** Where the three frames lie that the convolution sees for one of the clip. */
  #windowOf(frame: number, { received }: ConvolutionState, at: Entry): number[] {
    const seen = this.#causal ? [-2, -1, 0] : [-1, 0, 1]
    return seen.map(offset => place(Math.min(received - 1, Math.max(0, frame + offset)), at))
  }
}

/** How a part enters a convolution: frames at its beginning that are of no use, and frames that came before it. */
interface Entry {
  readonly unused: number
  readonly received: number
}

/** Where a frame of the clip is among those that are remembered and those of the part. */
function place(frame: number, { unused, received }: Entry): number {
  return keptFrames + unused + frame - received
}

/** @returns the frames of the clip that a convolution gives when it gets `count` more and stays `behind` */
function advance(state: ConvolutionState, count: number, behind: number): { from: number; to: number } {
  state.received += count
  const from = state.emitted
  state.emitted = Math.max(from, state.received - behind)
  return { from, to: state.emitted }
}

function framesOf({ from, to }: { from: number; to: number }): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

function indices(places: readonly number[]): Tensor<'i32'> {
  return tensor('i32', [places.length], Int32Array.from(places))
}

/** The least frames that a clip's first part has to have, so that a frame comes out of every convolution. */
export function fewestFirstFrames(layers: readonly FrameLayer[], causal: boolean): number {
  for (let frames = 1; ; frames++) {
    const { counts } = new FrameSchedule(layers, causal).next({ frames, last: false })
    if (counts.every(count => count > 0)) return frames
  }
}

/** Frames that a whole clip becomes. */
export function framesBehind(layers: readonly FrameLayer[], frames: number): number {
  return layers.reduce((count, { time }) => (time === 2 ? 2 * count - 1 : count), frames)
}

/**
 * What nothing is remembered by, before the first part: zeros, the inputs `cache.i` of `FrameStream`; of a hollow input,
 * hollow tensors.
 * @param input of the network, [..., height, width]
 */
export function emptyCaches(layers: readonly FrameLayer[], input: Tensor): Record<string, Tensor> {
  const [height, width] = input.shape.slice(-2) as [number, number]
  let scale = 1
  const shapes = layers.flatMap(({ channels, space }) => {
    const own = channels.map(each => [keptFrames, each, height * scale, width * scale])
    scale *= space
    return own
  })
  return Object.fromEntries(
    shapes.map((shape, index) => {
      const zeros = () => tensor('f32', shape, new Float32Array(elementCount(shape)))
      return [`cache.${index}`, isHollow(input) ? hollow('f32', shape) : zeros()]
    }),
  )
}
