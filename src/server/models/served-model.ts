import { inspectModel, requestFacts } from '../../api/models.ts'
import type { ModelReport, SizeSteps } from '../../engine/inspect.ts'
import { filesFor, type ModelFiles } from '../../engine/model-files.ts'
import { resolveModel } from '../../engine/model-name.ts'
import type { RequestFacts } from '../../pipeline/model-facts.ts'

/** A checkpoint that is offered, and what it can do. */
export interface ServedModel {
  /** As tasks name it. */
  readonly checkpoint: string
  readonly modes: ModelReport['modes']
  /** Whether it can go on from a clip. */
  readonly extends: boolean
  /** What its requests are checked by. */
  readonly facts: RequestFacts
  readonly defaults: ModelReport['defaults']
  readonly sizes: ModelReport['sizes']
  /** Names of the adapters that are of it. */
  readonly adapters: readonly string[]
  /** Largest picture that is made as it was asked for; larger ones are scaled down, in their shape. */
  readonly maxPixels: number
}

/** Pictures up to this much larger than a checkpoint's own size are still made: from 480p to 1080p, about. */
const sizeRange = 6

/** Reads what a checkpoint can do; no session is opened. @throws CheckpointError when it is not a model */
export async function inspectServed(
  checkpoint: string,
  {
    files,
    maxPixels,
    adapters = [],
  }: {
    readonly files?: ModelFiles | undefined
    readonly maxPixels?: number | undefined
    readonly adapters?: readonly string[]
  } = {},
): Promise<ServedModel> {
  const model = await resolveModel(checkpoint)
  const location = { model, files: filesFor(model, files) }
  const { modes, extends: goesOn, defaults, sizes } = await inspectModel(location)
  return {
    checkpoint,
    modes,
    extends: goesOn,
    facts: await requestFacts(location),
    defaults,
    sizes,
    adapters,
    maxPixels: maxPixels ?? sizeRange * defaults.width * defaults.height,
  }
}

export interface Size {
  readonly width: number
  readonly height: number
}

/**
 * The size to make when one is asked for: that one where the checkpoint has it and it is not too large, else the
 * nearest in shape, of about as many pixels as the checkpoint's own size.
 */
export function fitSize(model: ServedModel, asked: Size): Size {
  const { sizes, defaults, maxPixels } = model
  const pixels = asked.width * asked.height
  const target = pixels <= maxPixels ? pixels : defaults.width * defaults.height
  const scale = Math.sqrt(target / pixels)
  return {
    width: nearest(sizes.width, asked.width * scale),
    height: nearest(sizes.height, asked.height * scale),
  }
}

/**
 * The size to make when none is asked for: of those that the checkpoint was trained at the nearest in shape to what the
 * API makes by default, else as `fitSize` says.
 */
export function defaultSize(model: ServedModel, usual: Size): Size {
  const trained = (model.facts.trained?.sizes ?? []).flatMap(text => {
    const [width, height] = text.split('x').map(Number)
    return width && height ? [{ width, height }] : []
  })
  const distance = ({ width, height }: Size) =>
    Math.abs(Math.log((width * usual.height) / (height * usual.width)))
  return trained.toSorted((a, b) => distance(a) - distance(b))[0] ?? fitSize(model, usual)
}

/** The number of frames to make when no length is asked for: the nearest that the checkpoint was trained at, or has. */
export function defaultFrames(model: ServedModel, seconds: number, fps: number): number {
  const distance = (frames: number) => Math.abs(frames - seconds * fps)
  const trained = (model.facts.trained?.frames ?? []).toSorted((a, b) => distance(a) - distance(b))
  return trained[0] ?? fitFrames(model, seconds, fps)
}

/** The number of frames nearest to a length, from the shortest to the longest that the checkpoint can make. */
export function fitFrames({ sizes }: ServedModel, seconds: number, fps: number): number {
  return nearest(sizes.frames, seconds * fps)
}

export function nearest({ first, step, last = Number.POSITIVE_INFINITY }: SizeSteps, value: number): number {
  const rounded = first + Math.round((value - first) / step) * step
  return Math.min(Math.max(rounded, first), last)
}
