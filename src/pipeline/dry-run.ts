/** Goes through a generation without computing anything: which graphs run, in which order, on inputs of which sizes. */

import { type LatentSize, toLatent } from '../geometry/video-geometry.ts'
import { bytesTogether, type SizedRun, sizedRun } from '../graph/cost.ts'
import type { Graph } from '../graph/graph.ts'
import { dropNotices } from '../notices.ts'
import { createGenerator } from '../tensor/random.ts'
import { hollow, type Tensor, zeros } from '../tensor/tensor.ts'
import { conditionOn, noInputs } from './condition.ts'
import { decodeClip } from './decode.ts'
import { decodeSound } from './decode-sound.ts'
import type { Feed, Model, ResidentTensor, RunGraph, VisualConditioning } from './family.ts'
import { type GeneratePlan, modesOf } from './fields/request-fields.ts'
import { greyInputs, withHollowPictures } from './grey-inputs.ts'
import type { MemoryPlan } from './memory-plan.ts'
import { framesOfAllSizes } from './stage-run.ts'
import { upsample, upsampleVideo } from './upsample.ts'
import { networkPass, timesAtRest } from './velocity.ts'

/** A run of a graph, as far as memory goes. What it is given on the device counts as input. */
export interface DryRun extends Omit<SizedRun, 'outputs'> {
  readonly graph: string
  /** Of what is kept on the device and not given to it. */
  readonly keptBytes: number
}

/** The graphs that would run on a device. */
export interface DryRunGraphs {
  graph(name: string): Promise<Graph>
  /** Attention with a bias is given keys in multiples of this. */
  readonly keyMultiple: number
}

/** The runs before the first frame is decoded: one step of every expert stands for all of its steps. */
export async function dryRunDenoising(
  model: Model,
  plan: GeneratePlan,
  graphs: DryRunGraphs,
  chunk: number,
): Promise<DryRun[]> {
  const stage = new Stage(graphs, { residency: 'keep', chunk, tile: undefined })
  const own = await dryRunStage(model, plan, stage)
  for (const later of model.laterStages?.(plan) ?? []) {
    const latents = own.streams.map(({ shape }) => zeros('f32', shape))
    const from = await upsampleVideo(plan, latents, stage)
    await dryRunStage(model, later.plan, stage, from)
  }
  return stage.runs
}

/** @param from latents of the stage before */
async function dryRunStage(
  model: Model,
  plan: GeneratePlan,
  stage: Stage,
  from?: readonly Tensor[],
): Promise<VisualConditioning> {
  const { facts } = model
  const noise = createGenerator(plan.seed)
  const shown = modesOf(plan).length > 0
  const inputs = shown ? greyInputs(plan) : noInputs
  const context = { noise, runner: stage, signal: never, notify: dropNotices, from }
  const conditions = await conditionOn(shown ? withHollowPictures(model) : model, plan, inputs, context)
  const { streams } = conditions.visual
  const shapes = streams.map(({ shape }) => shape)
  const denoiser = model.denoiser(shapes, plan)
  const denoise = networkPass(model, denoiser, conditions, stage.run)
  const latents = denoiser.streams.map(({ shape }) => zeros('f32', shape))
  const times = timesAtRest(streams)
  const plain = conditions.unconditional ? ['conditional', 'unconditional'] : ['conditional']
  const passes = [...plain, ...Object.keys(denoiser.passes ?? {})]
  for (const expert of facts.experts.keys()) {
    for (const pass of passes) await denoise({ latents, times, expert }, pass)
  }
  return conditions.visual
}

/** The runs that decode a clip under a plan: its first chunks, or all where they take more and more, and all tiles of those. */
export async function dryRunDecoding(
  model: Model,
  plan: GeneratePlan,
  graphs: DryRunGraphs,
  memory: MemoryPlan,
): Promise<DryRun[]> {
  const stage = new Stage(graphs, memory, hollow)
  const { sound } = model.facts
  if (sound && plan.audio === true) {
    await decodeSound(sound, hollow('f32', sound.latentShape(plan)), stage)
  }
  const size = toLatent(model.facts.geometry, plan)
  const shape = latentShape(model, { ...size, latentFrames: framesToRun(model, size, memory) })
  const finished = hollow('f32', shape)
  const latents = plan.upsampler === undefined ? finished : await upsample(plan, finished, stage)
  const context = { latents, plan: { ...plan, tensors: false }, noise: createGenerator(plan.seed) }
  for await (const _ of decodeClip(model, context, stage, never));
  return stage.runs
}

/** Latent frames whose runs are of all the sizes that those of the clip are. */
function framesToRun(
  { facts: { decoder } }: Model,
  { latentFrames }: LatentSize,
  { chunk }: MemoryPlan,
): number {
  if ('stages' in decoder) return framesOfAllSizes(decoder.stages, latentFrames, chunk)
  return decoder.growing ? latentFrames : Math.min(latentFrames, 1 + 2 * chunk)
}

const never = new AbortController().signal

function latentShape({ facts }: Model, size: LatentSize): number[] {
  return [facts.latentChannels, size.latentFrames, size.latentHeight, size.latentWidth]
}

/** Takes the place of a device. */
class Stage {
  readonly runs: DryRun[] = []
  readonly memory: MemoryPlan
  readonly keyMultiple: number
  readonly run: RunGraph
  /** Nobody reads the numbers of a prompt's embeddings: they are cut and go into the next graph. */
  readonly runForPrompt = this.#runWith(hollow)
  /** Latents of a clip are joined before anybody may read them. */
  readonly runForClips = this.#runWith(hollow)
  readonly #graphs: DryRunGraphs
  readonly #kept = new Set<ResidentTensor>()

  /** @param results what stands for the results of a run. @default zeros */
  constructor(graphs: DryRunGraphs, memory: MemoryPlan, results = zeros) {
    this.#graphs = graphs
    this.keyMultiple = graphs.keyMultiple
    this.run = this.#runWith(results)
    this.memory = memory
  }

  async drop(residents: Iterable<ResidentTensor>): Promise<void> {
    for (const resident of residents) this.#kept.delete(resident)
  }

  shrink(): Promise<boolean> {
    return Promise.resolve(false)
  }

  /** @param results what stands for the results */
  #runWith(results: (dtype: Tensor['dtype'], shape: readonly number[]) => Tensor): RunGraph {
    return async (name, feeds, { fetch, keep = () => false } = {}) => {
      const graph = await this.#graphs.graph(name)
      const { outputs, ...sizes } = sizedRun(graph, feeds, fetch)
      const given = new Set<Feed>(Object.values(feeds))
      const keptBytes = bytesTogether([...this.#kept].filter(resident => !given.has(resident)))
      this.runs.push({ graph: name, ...sizes, keptBytes })
      const tensors: Record<string, Tensor> = {}
      const residents: Record<string, ResidentTensor> = {}
      for (const { name: output, dtype, shape } of outputs) {
        if (keep(output)) residents[output] = { kind: 'resident', id: this.#kept.size, dtype, shape }
        else tensors[output] = results(dtype, shape)
      }
      for (const resident of Object.values(residents)) this.#kept.add(resident)
      return { tensors, residents }
    }
  }
}
