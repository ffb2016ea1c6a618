/** What a request needs of a device's memory under every plan, before anything is loaded. */
import { pixelFramesOf, toLatent } from '../geometry/video-geometry.ts'
import { type CastOnce, castOnce } from '../graph/cast-once.ts'
import { sizedOutputs } from '../graph/cost.ts'
import { constantBytes } from '../graph/folded-values.ts'
import type { Graph } from '../graph/graph.ts'
import { largestElements } from '../graph/live-memory.ts'
import { type DryRun, dryRunDecoding, dryRunDenoising } from '../pipeline/dry-run.ts'
import type { ClipGraphs, GraphRecipe } from '../pipeline/family.ts'
import { type MemoryPlan, memoryPlans, type Residency, shouldEvict } from '../pipeline/memory-plan.ts'
import type { GeneratePlan } from '../pipeline/request.ts'
import { frameSize } from '../pipeline/upsample.ts'
import { castsWeightsOnce } from '../runtime/choose-backend.ts'
import type { Device } from '../runtime/device.ts'
import { arenaBytes, openingBytes, runtimeBytes, weightBytes } from '../runtime/graph-memory.ts'
import { foldLimitBytes } from '../runtime/session-config.ts'
import { bytesPerElement, elementCount } from '../tensor/dtype.ts'
import type { Checkpoint } from './checkpoint.ts'
import { type GraphSource, weightBytesOf } from './graph-source.ts'

/** The fullest moments of a generation, in bytes, each with everything that is held then. */
export interface PlanEstimate {
  readonly plan: MemoryPlan
  /** While the prompt and given pictures are encoded, while steps are made, while frames are decoded. */
  readonly conditioning: number
  readonly denoising: number
  readonly decoding: number
  /** The largest of them. */
  readonly bytes: number
  /** What is still held when the video is made. */
  readonly heldBytes: number
  /** Elements of the largest tensor. */
  readonly elements: number
}

/** How far an estimate may be from the truth: a test holds it to that. */
export const estimateTolerance = 0.25

/** What a request can be made with, and what that takes. */
export interface RequestEstimates {
  /** From the largest on. */
  readonly plans: readonly MemoryPlan[]
  estimate(plan: MemoryPlan): Promise<PlanEstimate>
}

interface GraphFacts {
  readonly recipe: GraphRecipe
  readonly graph: Graph
  /** As they are stored. */
  readonly storedBytes: number
  /** While a session is open. */
  readonly weights: number
  /** While it is opened. */
  readonly opening: number
}

/** Of one run. */
interface RunFacts {
  readonly arena: number
  /** Elements of its largest tensor. */
  readonly elements: number
}

/** Estimates for one checkpoint on one device. Its graphs are built when they are first asked about. */
export class MemoryEstimator {
  readonly #checkpoint: Checkpoint
  readonly #device: Device
  readonly #source: GraphSource
  readonly #castsOnce: boolean
  readonly #facts = memoize((name: string) => this.#factsOf(name))
  readonly #runs = new Map<string, RunFacts>()

  /** @param castsOnce whether weights are cast when a graph is opened, see `castOnce` of `GraphModel` */
  constructor(
    checkpoint: Checkpoint,
    device: Device,
    source: GraphSource,
    castsOnce = castsWeightsOnce(device),
  ) {
    this.#castsOnce = castsOnce
    this.#checkpoint = checkpoint
    this.#device = device
    this.#source = source
  }

  /** The plans of a request, and their estimates. */
  request(request: GeneratePlan, residencies?: readonly Residency[]): RequestEstimates {
    const { model } = this.#checkpoint
    const plan = asOneWindow(request)
    const graphs = (name: string) => this.#source.graph(name)
    const shown = plan.upsampler === undefined ? plan : { ...plan, ...frameSize(plan) }
    const size = toLatent(model.facts.geometry, shown)
    const before = memoize((chunk: number) => dryRunDenoising(model, plan, graphs, chunk))
    const after = memoize(
      (memory: MemoryPlan) => dryRunDecoding(model, plan, graphs, memory),
      ({ chunk, tile }) => `${chunk} ${tile}`,
    )
    return {
      plans: memoryPlans(model.facts, size, plan.chunk, residencies),
      estimate: async memory =>
        await this.#walk(memory, await before(memory.chunk), await after(memory), plan),
    }
  }

  async #walk(
    plan: MemoryPlan,
    before: readonly DryRun[],
    after: readonly DryRun[],
    request: GeneratePlan,
  ): Promise<PlanEstimate> {
    const open = new OpenSessions(plan)
    const peaks = { conditioning: 0, denoising: 0, decoding: 0 }
    const experts = new Set(this.#checkpoint.model.facts.experts.map(({ graph }) => graph))
    for (const run of before) {
      const bytes = await this.#run(open, run)
      const stage = experts.has(run.graph) ? 'denoising' : 'conditioning'
      peaks[stage] = Math.max(peaks[stage], bytes)
    }
    const host = await this.#hostBytes(plan, after, request)
    for (const run of after) peaks.decoding = Math.max(peaks.decoding, host + (await this.#run(open, run)))
    const runs = await Promise.all([...before, ...after].map(run => this.#runFacts(run)))
    const elements = Math.max(...runs.map(run => run.elements))
    return { plan, ...peaks, bytes: Math.max(...Object.values(peaks)), heldBytes: open.heldBytes, elements }
  }

  /** Bytes while a graph runs, which stays open. */
  async #run(open: OpenSessions, run: DryRun): Promise<number> {
    const { recipe, weights, opening } = await this.#facts(run.graph)
    const { arena } = await this.#runFacts(run)
    return open.run(recipe, { weights, opening, arena }, run)
  }

  async #runFacts({ graph: name, symbols }: DryRun): Promise<RunFacts> {
    const key = JSON.stringify([name, symbols])
    const known = this.#runs.get(key)
    if (known) return known
    const { graph, storedBytes } = await this.#facts(name)
    const facts = {
      arena: arenaBytes(graph, storedBytes, symbols, this.#device),
      elements: largestElements(graph, symbols),
    }
    this.#runs.set(key, facts)
    return facts
  }

  /** Tiles are put together in the memory of the machine: what goes into them, the clip, and a row of tiles. */
  async #hostBytes({ tile }: MemoryPlan, runs: readonly DryRun[], plan: GeneratePlan): Promise<number> {
    if (tile === undefined || this.#device.type !== 'cpu') return 0
    const { frames } = plan
    const { width, height } = frameSize(plan)
    const { tiledDecoder, geometry } = this.#checkpoint.model.facts
    const stems = graphsOf(tiledDecoder.stem)
    const stem = runs.find(run => stems.at(-1) === run.graph)!
    const { graph } = await this.#facts(stem.graph)
    const [features] = sizedOutputs(graph, stem.symbols, ['features'])
    const perFrame = elementCount([bytesPerElement('f32'), ...features!.shape.slice(1)])
    const latentFrames = (frames - pixelFramesOf(geometry, 1)) / geometry.temporalStride + 1
    return perFrame * latentFrames + 2 * 3 * width * height * frames
  }

  async #factsOf(name: string): Promise<GraphFacts> {
    const graph = await this.#source.graph(name)
    const recipe = this.#source.recipe(name)
    const storedBytes = weightBytesOf(graph)
    const split = this.#castsOnce ? castOnce(graph, { leaveBytes: foldLimitBytes }) : undefined
    if (split) return { recipe, graph: split.graph, storedBytes, ...this.#castBytes(split, storedBytes) }
    const weights = weightBytes(graph, storedBytes, this.#device)
    const opening = openingBytes(weights, storedBytes, this.#device)
    return { recipe, graph, storedBytes, weights, opening }
  }

  /** Casts are held as they are made, group by group; the stored weights of one group are there beside them. */
  #castBytes({ graph, casts }: CastOnce, storedBytes: number): Pick<GraphFacts, 'weights' | 'opening'> {
    const results = casts.flatMap(({ outputs }) => outputs.map(({ name }) => constantBytes(graph, name)))
    const held = results.reduce((sum, bytes) => sum + bytes, 0)
    const weights = held + weightBytes(graph, storedBytes, this.#device)
    return { weights, opening: Math.max(weights, held + Math.max(...casts.map(weightBytesOf))) }
  }
}

function graphsOf(graphs: ClipGraphs): readonly string[] {
  return 'stages' in graphs ? graphs.stages.map(({ graph }) => graph) : [graphs.first]
}

/** Calls a function once for each argument. */
function memoize<T, R>(
  call: (argument: T) => R,
  keyOf: (argument: T) => unknown = each => each,
): (argument: T) => R {
  const known = new Map<unknown, R>()
  return argument => {
    const key = keyOf(argument)
    const found = known.get(key) ?? call(argument)
    known.set(key, found)
    return found
  }
}

/** A clip that is extended is made window by window, each like a clip of its own. */
function asOneWindow(plan: GeneratePlan): GeneratePlan {
  return plan.extend ? { ...plan, extend: undefined, frames: plan.extend.window } : plan
}

interface SessionBytes {
  readonly weights: number
  readonly arena: number
}

/** The sessions that a plan keeps open, with what their arenas have grown to. */
class OpenSessions {
  readonly #plan: MemoryPlan
  readonly #sessions = new Map<string, SessionBytes & { readonly recipe: GraphRecipe }>()

  constructor(plan: MemoryPlan) {
    this.#plan = plan
  }

  /** @returns the bytes that are held at most, while the session is opened or while it runs */
  run(
    recipe: GraphRecipe,
    { weights, opening: weightsAtOpening, arena }: SessionBytes & { readonly opening: number },
    run: DryRun,
  ): number {
    for (const [name, session] of this.#sessions) {
      if (shouldEvict(this.#plan.residency, recipe, session.recipe)) this.#sessions.delete(name)
    }
    const before = this.#sessions.get(recipe.name)
    const opening = before ? 0 : this.heldBytes + weightsAtOpening
    this.#sessions.set(recipe.name, { recipe, weights, arena: Math.max(arena, before?.arena ?? 0) })
    const running = this.heldBytes + run.inputBytes + run.outputBytes
    return Math.round(runtimeBytes + run.keptBytes + Math.max(opening, running))
  }

  get heldBytes(): number {
    return [...this.#sessions.values()].reduce((sum, { weights, arena }) => sum + weights + arena, 0)
  }
}
