import { isResident } from '../runtime/backend.ts'
import type {
  Denoiser,
  Feed,
  Model,
  RunGraph,
  StepTimes,
  TextConditioning,
  VisualConditioning,
} from './family.ts'

export interface PassInput {
  /** f32 by stream, in the network's shapes. */
  readonly latents: readonly Feed[]
  readonly times: StepTimes
  /** Index into the facts' experts. */
  readonly expert: number
  readonly text: TextConditioning
  readonly visual: Pick<VisualConditioning, 'feeds'>
  /** One of the denoiser's passes. @default the plain one, for conditional and unconditional velocities */
  readonly pass?: string
}

/** One pass of the network: the velocity of every stream, in the shape of its latents. It stays resident where they are. */
export type NetworkPass = (input: PassInput) => Promise<readonly Feed[]>

export function networkPass({ facts }: Pick<Model, 'facts'>, denoiser: Denoiser, run: RunGraph): NetworkPass {
  const { streams, passes = {} } = denoiser
  return async ({ latents, times, expert, text, visual, pass }) => {
    const own = pass === undefined ? undefined : passes[pass]
    if (pass !== undefined && !own) throw new TypeError(`denoiser: expected the pass ${pass}, got none.`)
    const graph = own?.graphs?.[expert] ?? facts.experts[expert]!.graph
    const conditions = { ...text.feeds[expert], ...visual.feeds[expert] }
    const inputs = Object.fromEntries(streams.map(({ input }, stream) => [input, latents[stream]!]))
    const feeds = { ...conditions, ...denoiser.feeds(times), ...own?.feeds, ...inputs }
    const { tensors, residents } = await run(
      graph,
      feeds,
      latents.some(isResident) ? { keep: () => true } : {},
    )
    return streams.map(({ output }) => {
      const velocity = residents[output] ?? tensors[output]
      if (!velocity) throw new TypeError(`${graph}: expected the output ${output}, got none.`)
      return velocity
    })
  }
}
