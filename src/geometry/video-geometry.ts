/**
 * Pixels, latents and tokens of a video: the only place that divides by a stride. Sizes that do not fit are errors
 * that name the nearest ones that do; nothing is rounded.
 */
import { invalidRequest, RequestError } from '../errors.ts'
import { checkStep, isStep, type Steps } from './steps.ts'

/** A video in pixels. */
export interface PixelSize {
  readonly width: number
  readonly height: number
  readonly frames: number
}

/** The grid of a video VAE's latents. */
export interface LatentSize {
  readonly latentFrames: number
  readonly latentHeight: number
  readonly latentWidth: number
}

/** What the transformer sees of the latents: one token a patch, in the order frames, height, width. */
export interface TokenGrid {
  readonly frames: number
  readonly height: number
  readonly width: number
  /** frames × height × width */
  readonly tokens: number
}

/** The facts of a model that sizes depend on. */
export interface VideoGeometry {
  /** Pixels a latent, in height and in width. */
  readonly spatialStride: number
  /**
   * Frames a latent. The VAE is causal: the first latent is one frame, each later one `temporalStride` frames, so that
   * k + 1 latents are temporalStride · k + 1 frames.
   */
  readonly temporalStride: number
  /** Latents a token: frames, height, width. */
  readonly patch: readonly [frames: number, height: number, width: number]
  /** Fewest latents in height, and in width, that the model works on. @default those of one patch */
  readonly smallestSide?: number
  /** Most tokens along one axis; 1024 by default, the length of Wan's rotary tables (`rope_max_seq_len`). */
  readonly maxTokensPerAxis?: number
}

const defaultMaxTokensPerAxis = 1024

/**
 * The latents of a video.
 * @throws RequestError `request/size` for a size that the model cannot make
 */
export function toLatent(geometry: VideoGeometry, { width, height, frames }: PixelSize): LatentSize {
  const [, patchHeight, patchWidth] = geometry.patch
  checkStep('width', width, spatialSteps(geometry, patchWidth))
  checkStep('height', height, spatialSteps(geometry, patchHeight))
  return {
    latentFrames: latentFramesOf(geometry, frames),
    latentHeight: height / geometry.spatialStride,
    latentWidth: width / geometry.spatialStride,
  }
}

/** The shape of a video's latents: [channels, frames, height, width]. */
export function latentShape(channels: number, latent: LatentSize): number[] {
  return [channels, latent.latentFrames, latent.latentHeight, latent.latentWidth]
}

/** The grid of latents [channels, frames, height, width]. */
export function latentSizeOf(shape: readonly number[]): LatentSize {
  const [, latentFrames, latentHeight, latentWidth] = shape as [number, number, number, number]
  return { latentFrames, latentHeight, latentWidth }
}

/** Whether the model can make pictures of a size. */
export function canMake(geometry: VideoGeometry, { width, height }: Omit<PixelSize, 'frames'>): boolean {
  const [, patchHeight, patchWidth] = geometry.patch
  return (
    isStep(width, spatialSteps(geometry, patchWidth)) && isStep(height, spatialSteps(geometry, patchHeight))
  )
}

/** Latent frames that `frames` frames fill. */
export function wholeLatents({ temporalStride }: VideoGeometry, frames: number): number {
  return Math.floor((frames - 1) / temporalStride) + 1
}

/** The first frame of the latent frame that a frame belongs to. */
export function latentStart({ temporalStride }: VideoGeometry, frame: number): number {
  return frame === 0 ? 0 : (Math.ceil(frame / temporalStride) - 1) * temporalStride + 1
}

/** The shortest clip that the model can make of at least `frames` frames. */
export function framesFor({ temporalStride }: VideoGeometry, frames: number): number {
  return Math.ceil((frames - 1) / temporalStride) * temporalStride + 1
}

/** The longest clip that the model can make of at most `frames` frames; its shortest one where there is none. */
export function framesWithin(geometry: VideoGeometry, frames: number): number {
  const { first, step, last } = frameSteps(geometry)
  return first + Math.floor((Math.min(Math.max(frames, first), last) - first) / step) * step
}

/** The video that latents decode to. */
export function toPixels(geometry: VideoGeometry, latent: LatentSize): PixelSize {
  return {
    width: latent.latentWidth * geometry.spatialStride,
    height: latent.latentHeight * geometry.spatialStride,
    frames: pixelFramesOf(geometry, latent.latentFrames),
  }
}

/**
 * The tokens of latents.
 * @throws RequestError `request/size` for latents that patches do not tile
 */
export function toTokens(geometry: VideoGeometry, latent: LatentSize): TokenGrid {
  const axis = (name: keyof LatentSize, patch: number) => {
    const steps = { first: patch, step: patch, last: patch * maxTokensPerAxis(geometry) }
    checkStep(name, latent[name], steps)
    return latent[name] / patch
  }
  const frames = axis('latentFrames', geometry.patch[0])
  const height = axis('latentHeight', geometry.patch[1])
  const width = axis('latentWidth', geometry.patch[2])
  return { frames, height, width, tokens: frames * height * width }
}

/**
 * Latent frames of a clip of `frames` frames: k + 1 for temporalStride · k + 1.
 * @throws RequestError `request/size` for a number of frames that the model cannot make
 */
export function latentFramesOf(geometry: VideoGeometry, frames: number): number {
  checkStep('frames', frames, frameSteps(geometry))
  return (frames - 1) / geometry.temporalStride + 1
}

/** Frames that `latentFrames` latent frames decode to. */
export function pixelFramesOf(geometry: VideoGeometry, latentFrames: number): number {
  return (latentFrames - 1) * geometry.temporalStride + 1
}

/**
 * The number of frames that the model can make whose duration frames / fps is nearest to `seconds`; of two equally
 * near ones the longer. At 16 fps Wan's 81 frames are what 5 seconds ask for.
 * @throws RequestError `request/invalid` for a duration or rate that is not positive, `request/size` for a clip that is
 * too long
 */
export function framesForSeconds(geometry: VideoGeometry, seconds: number, fps: number): number {
  checkPositive('seconds', seconds)
  checkPositive('fps', fps)
  const { first, step, last } = frameSteps(geometry)
  const nearest = first + step * Math.max(0, Math.round((seconds * fps - first) / step))
  if (nearest <= last) return nearest
  const advice = `Use ${Math.floor((last / fps) * 100) / 100} or less.`
  const expected = `at most ${last} frames for this model`
  throw new RequestError('request/size', {
    subject: 'seconds',
    expected,
    got: `${seconds} at ${fps} fps`,
    advice,
  })
}

function checkPositive(subject: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return
  throw invalidRequest(subject, 'a positive number', value)
}

/** The widths and heights that the model can make. */
export function sizeSteps(geometry: VideoGeometry): { readonly width: Steps; readonly height: Steps } {
  const [, height, width] = geometry.patch
  return { width: spatialSteps(geometry, width), height: spatialSteps(geometry, height) }
}

function spatialSteps(geometry: VideoGeometry, patch: number): Steps {
  const step = geometry.spatialStride * patch
  const fewest = Math.max(1, Math.ceil((geometry.smallestSide ?? patch) / patch))
  return { first: step * fewest, step, last: step * maxTokensPerAxis(geometry) }
}

/** Frame counts whose latents are a multiple of the patch. */
function frameSteps(geometry: VideoGeometry): Steps {
  const [patch] = geometry.patch
  return {
    first: pixelFramesOf(geometry, patch),
    step: geometry.temporalStride * patch,
    last: pixelFramesOf(geometry, patch * maxTokensPerAxis(geometry)),
  }
}

function maxTokensPerAxis(geometry: VideoGeometry): number {
  return geometry.maxTokensPerAxis ?? defaultMaxTokensPerAxis
}
