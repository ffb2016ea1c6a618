import type { Tensor } from '../tensor/tensor.ts'
import type { GraphRunner } from './graph-runner.ts'
import type { GeneratePlan } from './request.ts'

/** By how much an upsampler multiplies height and width. */
const factor = 2

/** The name of the graph of the upsampler in a folder. */
export function upsamplerGraph(folder: string): string {
  return `upsampler ${folder}`
}

/**
 * The latents that are decoded for finished ones: enlarged where the request names an upsampler.
 * @param latents [channels, frames, height, width], as the denoiser has them
 */
export async function upsample(
  { upsampler }: Pick<GeneratePlan, 'upsampler'>,
  latents: Tensor,
  { run }: Pick<GraphRunner, 'run'>,
): Promise<Tensor> {
  if (upsampler === undefined) return latents
  const { tensors } = await run(upsamplerGraph(upsampler), { latents })
  return tensors.upsampled!
}

/** The latents of all streams, of which the first, the video's, is enlarged likewise. */
export async function upsampleVideo(
  plan: Pick<GeneratePlan, 'upsampler'>,
  [video, ...others]: readonly Tensor[],
  runner: Pick<GraphRunner, 'run'>,
): Promise<readonly Tensor[]> {
  return [await upsample(plan, video!, runner), ...others]
}

/** Width and height of the frames in pixels, which an upsampler makes larger than those that are denoised. */
export function frameSize({
  upsampler,
  width,
  height,
}: Pick<GeneratePlan, 'upsampler' | 'width' | 'height'>): {
  readonly width: number
  readonly height: number
} {
  return upsampler === undefined ? { width, height } : { width: factor * width, height: factor * height }
}
