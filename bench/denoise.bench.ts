/**
 * How long does a step take, a video, and the way from a cold start to the first step? Steps are measured on a
 * synthetic Wan transformer whose files a peer can load too; videos on the model that ships.
 */
import type { BenchOptions } from './results.ts'
import { textTokens, transformerConfig } from './synthetic-wan.ts'
import { measureSteps } from './transformer-step.ts'
import { measureVideos } from './video-times.ts'

export async function measureDenoising(options: BenchOptions): Promise<object> {
  const steps = await measureSteps(options)
  const videos = await measureVideos(options)
  return { transformer: { ...transformerConfig, textTokens }, ...steps, ...videos }
}
