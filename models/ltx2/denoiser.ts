import type { Denoiser, GeneratePlan } from '../../src/pipeline/family.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import type { Ltx2TransformerConfig } from './config.ts'
import { isolatedPass, perturbedBlocks, perturbedPass } from './guidance.ts'

/** How the network is fed: the times of both streams, and what a pass leaves out. */
export function ltx2Denoiser(
  config: Ltx2TransformerConfig,
  [video, audio]: readonly (readonly number[])[],
  plan: GeneratePlan,
): Denoiser {
  const scalar = (value: number) => tensor('f32', [1], Float32Array.of(value))
  const frames = video![1]!
  const row = (values: Float32Array) => tensor('f32', [1, values.length], values)
  const one = (value: number) => row(Float32Array.of(value))
  const attended = (perturbed: readonly number[]) => {
    const list = Float32Array.from({ length: config.num_layers }, (_, layer) =>
      perturbed.includes(layer) ? 0 : 1,
    )
    return config.perturbed_attn ? { attended: tensor('f32', [config.num_layers], list) } : {}
  }
  const crossTimestep = plan.useCrossTimestep ?? true
  return {
    streams: [
      { input: 'latents', output: 'velocity', shape: [1, ...video!] },
      { input: 'audio.latents', output: 'audio.velocity', shape: [1, ...audio!] },
    ],
    feeds: ({ timesteps: [ofVideo, ofAudio], positions: [positions] }) => ({
      timestep: row(positions!),
      'audio.timestep': one(ofAudio!),
      'cross.timestep': row(crossTimestep ? new Float32Array(frames).fill(ofAudio!) : positions!),
      'audio.cross.timestep': one(crossTimestep ? ofVideo! : ofAudio!),
      ...(config.cross_attn_mod &&
        config.use_prompt_adaln_single && { sigma: one(ofVideo!), 'audio.sigma': one(ofAudio!) }),
      crossed: scalar(1),
      ...attended([]),
    }),
    passes: {
      [perturbedPass]: { feeds: attended(perturbedBlocks(config, plan)) },
      [isolatedPass]: { feeds: { crossed: scalar(0) } },
    },
  }
}
