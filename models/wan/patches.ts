import type { ModelFacts } from '../../src/pipeline/family.ts'
import type { WanTransformerConfig } from './config.ts'

/**
 * The shape that the transformer takes latents [channels, frames, height, width] in: each axis cut into patches,
 * which leaves the bytes as they are.
 */
export function patchedShape(
  config: WanTransformerConfig,
  facts: Pick<ModelFacts, 'latentChannels'>,
  latents: readonly number[],
  channels = facts.latentChannels,
): number[] {
  const [, frames, height, width] = latents as [number, number, number, number]
  const [pt, ph, pw] = config.patch_size
  return [1, channels, frames / pt, pt, height / ph, ph, width / pw, pw]
}
