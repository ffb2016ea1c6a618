/** How convolutions over three frames see the frames around one, for clips [frames, channels, height, width] whole or in parts. */
import type { Graph, Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { cast } from '../graph/ops/cast.ts'
import { concat, frameWindows, gather, reshape, slice } from '../graph/ops/layout.ts'
import { keptFrames } from './frame-schedule.ts'

/**
 * One layer after the other: what `enter` gives is changed pixel by pixel as the layer likes, then goes into `windows` and,
 * for a shortcut around one convolution or several, into `passed`.
 */
export interface FrameFlow {
  /** Whether the clip's first frame is among the frames. */
  readonly begins: boolean
  /** The frames that a convolution can see. */
  enter(x: Value): Value
  /**
   * The three frames of every window, joined along the channels.
   * @param step from one window to the next
   * @returns [windows, 3·channels, height, width]
   */
  windows(entered: Value, step?: 1 | 2): Value
  /**
   * The same where windows are of listed frames, made of these by `pick`: of frames [n, channels, height, width] and places
   * i32 [3·windows] among them, the frames in these places.
   */
  windowsOf?(entered: Value, pick: (frames: Value, places: Value) => Value): Value
  /** The frames that the last convolution gave a result for. */
  passed(entered: Value): Value
}

/** Of a clip that comes whole. Beyond its ends its first and its last frame are repeated. */
export class WholeClip implements FrameFlow {
  readonly begins = true
  readonly #causal: boolean

  /** @param causal whether a window is of a frame and the two before it, and not of one on each side */
  constructor(causal: boolean) {
    this.#causal = causal
  }

  enter(x: Value): Value {
    return x
  }

  windows(x: Value, step: 1 | 2 = 1): Value {
    const first = slice(x, 0, 0, 1)
    const padded = this.#causal ? concat([first, first, x], 0) : concat([first, x, slice(x, 0, -1)], 0) // [frames + 2, channels, h, w]
    return frameWindows(padded, step)
  }

  passed(x: Value): Value {
    return x
  }
}

/**
 * Of a clip that comes in parts, of which a convolution sees frames before one alone: a part has its result at once. The first
 * one gives outputs `cache.i.next`, f32 [2, channels, height, width]; the later ones take them as inputs `cache.i`, too.
 */
export class CausalParts implements FrameFlow {
  readonly begins: boolean
  readonly #graph: Graph
  #caches = 0

  constructor(graph: Graph, part: 'first' | 'next') {
    this.#graph = graph
    this.begins = part === 'first'
  }

  enter(x: Value): Value {
    const name = `cache.${this.#caches++}`
    const entered = concat([this.#before(x, name), x], 0) // [frames + 2, channels, h, w]
    this.#graph.output(`${name}.next`, cast(slice(entered, 0, -keptFrames), 'f32'))
    return entered
  }

  windows(entered: Value, step: 1 | 2 = 1): Value {
    // Of windows two frames apart the next begins with the last frame that was seen.
    return frameWindows(step === 2 && !this.begins ? slice(entered, 0, 1) : entered, step)
  }

  passed(entered: Value): Value {
    return slice(entered, 0, keptFrames) // [frames, channels, h, w]
  }

  /** The two frames before x: of the parts before, or its first one twice. */
  #before(x: Value, name: string): Value {
    if (!this.begins) return cast(this.#graph.input(name, 'f32', [keptFrames, ...x.shape.slice(1)]), x.dtype)
    const first = slice(x, 0, 0, 1)
    return concat([first, first], 0) // [2, channels, h, w]
  }
}

/**
 * Of a clip that comes in parts. What a part needs of those before it is remembered: inputs `cache.i`, outputs
 * `cache.i.next`, f32 [2, channels, height, width]. Which frames a window is of, and which ones pass a shortcut, stands in
 * the inputs `window.i`, i32 [3·windows], and `shortcut.i`, i32 [frames]: a `FrameSchedule` makes them.
 */
export class FrameStream implements FrameFlow {
  readonly begins = true
  readonly #graph: Graph
  #caches = 0
  #windows = 0
  #shortcuts = 0

  constructor(graph: Graph) {
    this.#graph = graph
  }

  enter(x: Value): Value {
    const name = `cache.${this.#caches++}`
    const cache = this.#graph.input(name, 'f32', [keptFrames, ...x.shape.slice(1)])
    const entered = concat([cast(cache, x.dtype), x], 0) // [frames + 2, channels, h, w]
    this.#graph.output(`${name}.next`, cast(slice(entered, 0, -keptFrames), 'f32'))
    return entered
  }

  windows(entered: Value): Value {
    return this.windowsOf(entered, (frames, places) => gather(frames, places, 0))
  }

  windowsOf(entered: Value, pick: (frames: Value, places: Value) => Value): Value {
    const index = this.#windows++
    const places = this.#graph.input(`window.${index}`, 'i32', [`3*${framesAfter(index)}`])
    return reshape(pick(entered, places), ['*', 3 * Number(dimAt(entered, 1)), '=', '=']) // [windows, 3·channels, h, w]
  }

  passed(entered: Value): Value {
    const frames = framesAfter(this.#windows - 1)
    return gather(entered, this.#graph.input(`shortcut.${this.#shortcuts++}`, 'i32', [frames]), 0)
  }
}

/** The symbol of the frames that a convolution gives. */
function framesAfter(convolution: number): string {
  return `frames${convolution + 1}`
}
