/** What a request needs of a device's memory under every plan, before anything is loaded. */
import { pixelFramesOf, toLatent } from '../geometry/video-geometry.ts'
import { sizedOutputs } from '../graph/cost.ts'
import { type SessionMemory, sessionMemory, weightBytesOf } from '../graph/session-memory.ts'
import { memoize } from '../memoize.ts'
import { type DryRun, dryRunDecoding, dryRunDenoising } from '../pipeline/dry-run.ts'
import type { ClipGraphs, GraphRecipe, ModelFacts } from '../pipeline/family.ts'
import { type MemoryPlan, memoryPlans, type Residency, shouldEvict } from '../pipeline/memory-plan.ts'
import type { GeneratePlan } from '../pipeline/request.ts'
import { frameSize } from '../pipeline/upsample.ts'
import { isNative } from '../runtime/choose-backend.ts'
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

/** What a request needs, made in one of the residencies. @default all of them */
export type EstimateRequest = (
  request: GeneratePlan,
  residencies?: readonly Residency[] | undefined,
) => RequestEstimates

export interface EstimatorOptions {
  /** Whether weights are cast when a graph is opened, see `castOnce` of `GraphModel`. @default as the device's backend does */
  readonly castsOnce?: boolean
  /** Whether both branches of guidance run on the device at once, with a transformer each. @default false */
  readonly pairs?: boolean
}

/** A graph, and what its session takes. */
interface GraphSession {
  readonly recipe: GraphRecipe
  readonly memory: SessionMemory
}

/** Estimates for one checkpoint on one device. Its graphs are built when they are first asked about. */
export function memoryEstimator(
  { model }: Checkpoint,
  device: Device,
  source: GraphSource,
  { castsOnce = isNative(device), pairs = false }: EstimatorOptions = {},
): EstimateRequest {
  const { facts } = model
  const experts = new Set(facts.experts.map(({ graph }) => graph))
  const sessions = memoize(async (name: string): Promise<GraphSession> => {
    const graph = await source.graph(name)
    const copied = device.type === 'cpu' && needsPrivateCopy({ weightBytes: weightBytesOf(graph) })
    const memory = sessionMemory(graph, { copied, foldLimitBytes, castOnce: castsOnce })
    return { recipe: source.recipe(name), memory }
  })
  const sizes = memoize(
    async ({ graph, symbols }: DryRun) => {
      const { memory } = await sessions(graph)
      return { arena: memory.arena(symbols), elements: memory.elements(symbols) }
    },
    ({ graph, symbols }) => JSON.stringify([graph, symbols]),
  )
  return (request, residencies) => {
    const plan = asOneWindow(request)
    const shown = plan.upsampler === undefined ? plan : { ...plan, ...frameSize(plan) }
    const before = memoize((chunk: number) => dryRunDenoising(model, plan, source, chunk))
    const after = memoize(
      (memory: MemoryPlan) => dryRunDecoding(model, plan, source, memory),
      ({ chunk, tile }) => `${chunk} ${tile}`,
    )
    const estimate = async (memory: MemoryPlan): Promise<PlanEstimate> => {
      const [made, decoded] = [await before(memory.chunk), await after(memory)]
      const host = device.type === 'cpu' ? await tileBytes(facts, source, { memory, runs: decoded, plan }) : 0
      const open = new OpenSessions(memory.residency)
      const peaks = { conditioning: 0, denoising: 0, decoding: 0 }
      let elements = 0
      for (const [index, run] of [...made, ...decoded].entries()) {
        const size = await sizes(run)
        const bytes = open.run(await sessions(run.graph), size.arena, run)
        elements = Math.max(elements, size.elements)
        const decodes = index >= made.length
        const stage = decodes ? 'decoding' : experts.has(run.graph) ? 'denoising' : 'conditioning'
        peaks[stage] = Math.max(peaks[stage], bytes + (decodes ? host : 0))
      }
      const second = pairs ? peaks.denoising : 0
      peaks.denoising += second
      if (memory.residency !== 'release') peaks.decoding += second
      const bytes = Math.max(...Object.values(peaks))
      return { plan: memory, ...peaks, bytes, heldBytes: open.heldBytes, elements }
    }
    const size = toLatent(facts.geometry, shown)
    return { plans: memoryPlans(facts, size, plan.chunk, residencies), estimate }
  }
}

/** Tiles are put together in the memory of the machine: what goes into them, the clip, and a row of tiles. */
async function tileBytes(
  { tiledDecoder, geometry }: ModelFacts,
  source: GraphSource,
  { memory: { tile }, runs, plan }: TiledRun,
): Promise<number> {
  if (tile === undefined) return 0
  const { width, height } = frameSize(plan)
  const last = graphsOf(tiledDecoder.stem).at(-1)
  const stem = runs.find(({ graph }) => graph === last)!
  const [features] = sizedOutputs(await source.graph(stem.graph), stem.symbols, ['features'])
  const perFrame = elementCount([bytesPerElement('f32'), ...features!.shape.slice(1)])
  const latentFrames = (plan.frames - pixelFramesOf(geometry, 1)) / geometry.temporalStride + 1
  return perFrame * latentFrames + 2 * 3 * width * height * plan.frames
}

interface TiledRun {
  readonly memory: MemoryPlan
  readonly runs: readonly DryRun[]
  readonly plan: GeneratePlan
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

/** The sessions that a residency keeps open, with what their arenas have grown to. */
class OpenSessions {
  readonly #residency: Residency
  readonly #sessions = new Map<string, GraphSession & { readonly arena: number }>()

  constructor(residency: Residency) {
    this.#residency = residency
  }

  /** @returns the bytes that are held at most, while the session is opened or while it runs */
  run({ recipe, memory }: GraphSession, arena: number, run: DryRun): number {
    for (const [name, session] of this.#sessions) {
      if (shouldEvict(this.#residency, recipe, session.recipe)) this.#sessions.delete(name)
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
