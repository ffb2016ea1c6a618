import type { Arithmetic } from '../tensor/arithmetic.ts'

/** How a guided velocity is scaled back. */
export interface Rescale {
  /** 0 … 1: how far it is, to the spread of the conditional one. */
  readonly rescale: number
  /** What is compared: velocities, or the clean latents that they point at. */
  readonly space: 'velocity' | 'denoised'
}

/** Where a stream is in a step. */
export interface GuidedLatents<V> {
  readonly latents: V
  /** Noise level of the step, in (0, 1]. */
  readonly sigma: number
}

/** Lin et al., https://arxiv.org/abs/2305.08891, equations 15 and 16; `rescale_noise_cfg` of diffusers' pipelines. */
export async function rescaled<V>(
  on: Arithmetic<V>,
  { rescale, space }: Rescale,
  { velocity, conditional }: { readonly velocity: V; readonly conditional: V },
  { latents, sigma }: GuidedLatents<V>,
): Promise<V> {
  const seen = (each: V) => (space === 'velocity' ? each : denoised(on, latents, each, sigma))
  const ratio = (await spread(on, seen(conditional))) / (await spread(on, seen(velocity)))
  const factor = rescale * ratio + (1 - rescale)
  if (space === 'velocity') return on.combination([[factor, velocity]])
  // (x − factor · (x − sigma · v)) / sigma
  return on.combination([
    [(1 - factor) / sigma, latents],
    [factor, velocity],
  ])
}

function denoised<V>(on: Arithmetic<V>, latents: V, velocity: V, sigma: number): V {
  return on.combination([
    [1, latents],
    [-sigma, velocity],
  ])
}

/** The standard deviation of n values times √(n − 1), which a ratio of two of them does not have. */
async function spread<V>(on: Arithmetic<V>, values: V): Promise<number> {
  const sum = await on.sum(values)
  return Math.sqrt((await on.innerProduct(values, values)) - (sum * sum) / on.count(values))
}
