/** What a request needs of a device's memory under every plan, before anything is loaded. */
import { pixelFramesOf, toLatent } from '../geometry/video-geometry.ts'
import { sizedOutputs } from '../graph/cost.ts'
import { type SessionMemory, sessionMemory, weightBytesOf } from '../graph/session-memory.ts'
import { memoize } from '../memoize.ts'
import { type DryRun, dryRunDecoding, dryRunDenoising } from '../pipeline/dry-run.ts'
import type { ClipGraphs, GraphRecipe } from '../pipeline/family.ts'
import { type MemoryPlan, memoryPlans, type Residency, shouldEvict } from '../pipeline/memory-plan.ts'
import type { GeneratePlan } from '../pipeline/request.ts'
import { frameSize } from '../pipeline/upsample.ts'
import { castsWeightsOnce } from '../runtime/choose-backend.ts'
import type { Device } from '../runtime/device.ts'
import { foldLimitBytes, needsPrivateCopy } from '../runtime/session-config.ts'
import { bytesPerElement, elementCount } from '../tensor/dtype.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { GraphSource } from './graph-source.ts'

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

/** A graph, and what its session takes. */
interface GraphSession {
  readonly recipe: GraphRecipe
  readonly memory: SessionMemory
}

/** Of one run. */
type RunSize = Record<'arena' | 'elements', number>

/** Estimates for one checkpoint on one device. Its graphs are built when they are first asked about. */
export class MemoryEstimator {
  readonly #checkpoint: Checkpoint
  readonly #device: Device
  readonly #source: GraphSource
  readonly #sessions: (name: string) => Promise<GraphSession>
  readonly #sizes = memoize(
    async ({ graph, symbols }: DryRun): Promise<RunSize> => {
      const { memory } = await this.#sessions(graph)
      return { arena: memory.arena(symbols), elements: memory.elements(symbols) }
    },
    ({ graph, symbols }) => JSON.stringify([graph, symbols]),
  )

  /** @param castsOnce whether weights are cast when a graph is opened, see `castOnce` of `GraphModel` */
  constructor(
    checkpoint: Checkpoint,
    device: Device,
    source: GraphSource,
    castsOnce = castsWeightsOnce(device),
  ) {
    this.#checkpoint = checkpoint
    this.#device = device
    this.#source = source
    this.#sessions = memoize(async name => {
      const graph = await source.graph(name)
      const copied = device.type === 'cpu' && needsPrivateCopy({ weightBytes: weightBytesOf(graph) })
      const memory = sessionMemory(graph, { copied, foldLimitBytes, castOnce: castsOnce })
      return { recipe: source.recipe(name), memory }
    })
  }

  /** The plans of a request, and their estimates. */
  request(request: GeneratePlan, residencies?: readonly Residency[]): RequestEstimates {
    const { model } = this.#checkpoint
    const plan = asOneWindow(request)
    const shown = plan.upsampler === undefined ? plan : { ...plan, ...frameSize(plan) }
    const size = toLatent(model.facts.geometry, shown)
    const before = memoize((chunk: number) => dryRunDenoising(model, plan, this.#source, chunk))
    const after = memoize(
      (memory: MemoryPlan) => dryRunDecoding(model, plan, this.#source, memory),
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
    const host = await this.#hostBytes(plan, after, request)
    let elements = 0
    for (const [index, run] of [...before, ...after].entries()) {
      const size = await this.#sizes(run)
      const bytes = open.run(await this.#sessions(run.graph), size, run)
      elements = Math.max(elements, size.elements)
      const decodes = index >= before.length
      const stage = decodes ? 'decoding' : experts.has(run.graph) ? 'denoising' : 'conditioning'
      peaks[stage] = Math.max(peaks[stage], bytes + (decodes ? host : 0))
    }
    return { plan, ...peaks, bytes: Math.max(...Object.values(peaks)), heldBytes: open.heldBytes, elements }
  }

  /** Tiles are put together in the memory of the machine: what goes into them, the clip, and a row of tiles. */
  async #hostBytes({ tile }: MemoryPlan, runs: readonly DryRun[], plan: GeneratePlan): Promise<number> {
    if (tile === undefined || this.#device.type !== 'cpu') return 0
    const { frames } = plan
    const { width, height } = frameSize(plan)
    const { tiledDecoder, geometry } = this.#checkpoint.model.facts
    const stems = graphsOf(tiledDecoder.stem)
    const stem = runs.find(run => stems.at(-1) === run.graph)!
    const [features] = sizedOutputs(await this.#source.graph(stem.graph), stem.symbols, ['features'])
    const perFrame = elementCount([bytesPerElement('f32'), ...features!.shape.slice(1)])
    const latentFrames = (frames - pixelFramesOf(geometry, 1)) / geometry.temporalStride + 1
    return perFrame * latentFrames + 2 * 3 * width * height * frames
  }
}

function graphsOf(graphs: ClipGraphs): readonly string[] {
  return 'stages' in graphs ? graphs.stages.map(({ graph }) => graph) : [graphs.first]
}

/** A clip that is extended is made window by window, each like a clip of its own. */
function asOneWindow(plan: GeneratePlan): GeneratePlan {
  return plan.extend ? { ...plan, extend: undefined, frames: plan.extend.window } : plan
}

/** What a process needs for ONNX Runtime itself: its libraries, a worker thread, the first blocks of an allocator. */
const runtimeBytes = 64 * 2 ** 20

/** The sessions that a plan keeps open, with what their arenas have grown to. */
class OpenSessions {
  readonly #plan: MemoryPlan
  readonly #sessions = new Map<string, GraphSession & { readonly arena: number }>()

  constructor(plan: MemoryPlan) {
    this.#plan = plan
  }

  /** @returns the bytes that are held at most, while the session is opened or while it runs */
  run({ recipe, memory }: GraphSession, { arena }: Pick<RunSize, 'arena'>, run: DryRun): number {
    for (const [name, session] of this.#sessions) {
      if (shouldEvict(this.#plan.residency, recipe, session.recipe)) this.#sessions.delete(name)
    }
    const before = this.#sessions.get(recipe.name)
    const opening = before ? 0 : this.heldBytes + memory.opening
    this.#sessions.set(recipe.name, { recipe, memory, arena: Math.max(arena, before?.arena ?? 0) })
    const running = this.heldBytes + run.inputBytes + run.outputBytes
    return Math.round(runtimeBytes + run.keptBytes + Math.max(opening, running))
  }

  get heldBytes(): number {
    return [...this.#sessions.values()].reduce((sum, { memory, arena }) => sum + memory.weights + arena, 0)
  }
}
