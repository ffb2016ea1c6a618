import type { LtxVaeConfig } from '../models/ltx-vae/config.ts'
import { ltxDecoderFacts } from '../models/ltx-vae/graphs.ts'
import type { Graph } from '../src/graph/graph.ts'
import { runClip } from '../src/pipeline/clip-run.ts'
import type { Feed, RunGraph } from '../src/pipeline/family.ts'
import { concatenate } from '../src/tensor/axis.ts'
import type { Tensor } from '../src/tensor/tensor.ts'
import type { GraphRunner } from './graph-session.ts'

interface Decoding {
  /** [channels, frames, h, w] */
  readonly latents: Tensor
  readonly feeds: Readonly<Record<string, Tensor>>
  /** Latent frames at a time. */
  readonly chunk: number
  readonly runGraph: GraphRunner
}

/** Runs the stages of a decoder over latents, as a generation does. */
export async function decodeInParts(
  { config, stages }: { readonly config: LtxVaeConfig; readonly stages: readonly Graph[] },
  { latents, feeds, chunk, runGraph }: Decoding,
) {
  const { decoder } = ltxDecoderFacts(config)
  const graphs = new Map(stages.map(graph => [graph.name, graph]))
  const kept = new Map<Feed, Tensor>()
  const run: RunGraph = async (name, given, { fetch, keep = () => false } = {}) => {
    const onHost = Object.entries(given).map(([each, feed]) => [each, kept.get(feed) ?? (feed as Tensor)])
    const outputs = Object.entries(await runGraph(graphs.get(name)!, Object.fromEntries(onHost)))
    const asked = outputs.filter(([each]) => fetch?.includes(each) ?? true)
    const residents = asked.flatMap(([each, { dtype, shape, ...rest }]) => {
      if (!keep(each)) return []
      const resident = { kind: 'resident', id: kept.size, dtype, shape } as const
      kept.set(resident, { dtype, shape, ...rest })
      return [[each, resident] as const]
    })
    const tensors = Object.fromEntries(asked.filter(([each]) => !keep(each)))
    return { tensors, residents: Object.fromEntries(residents) }
  }
  const decoded: Tensor[] = []
  const frames: Uint8Array[] = []
  const sizes: number[] = []
  for await (const { tensors } of runClip({
    graphs: decoder,
    input: { name: 'latents', tensor: latents, axis: 1 },
    outputs: ['frames', 'decoded'],
    feeds,
    chunk,
    run,
    drop: async residents => {
      for (const resident of residents) kept.delete(resident)
    },
    signal: new AbortController().signal,
  })) {
    decoded.push(tensors.decoded!)
    frames.push(tensors.frames!.data as Uint8Array)
    sizes.push(tensors.frames!.shape[0]!)
  }
  return { decoded: concatenate(decoded, 0), frames: Buffer.concat(frames), sizes, held: kept.size }
}
