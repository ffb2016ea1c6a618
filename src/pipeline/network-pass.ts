import { isResident } from '../runtime/backend.ts'
import type { Denoiser, Feed, Model, RunGraph, TextConditioning, VisualConditioning } from './family.ts'

export interface PassInput {
  /** f32 in the network's shape */
  readonly latents: Feed
  /** The timestep of every latent frame. */
  readonly timesteps: Float32Array
  /** Index into the facts' experts. */
  readonly expert: number
  readonly text: TextConditioning
  readonly visual: VisualConditioning
}

/** One pass of the network: the velocity, in the shape of the latents. It stays resident where they are. */
export type NetworkPass = (input: PassInput) => Promise<Feed>

export function networkPass({ facts }: Pick<Model, 'facts'>, denoiser: Denoiser, run: RunGraph): NetworkPass {
  return async ({ latents, timesteps, expert, text, visual }) => {
    const { graph } = facts.experts[expert]!
    const conditions = { ...text.feeds[expert], ...visual.feeds[expert] }
    const feeds = { ...conditions, ...denoiser.feeds(timesteps), latents }
    const { tensors, residents } = await run(graph, feeds, isResident(latents) ? { keep: () => true } : {})
    const velocity = residents.velocity ?? tensors.velocity
    if (!velocity) throw new TypeError(`${graph}: expected a velocity, got none.`)
    return velocity
  }
}
