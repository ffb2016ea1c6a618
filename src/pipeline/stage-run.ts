/** Coders that see frames ahead, run over a clip stage by stage, each in parts of a few frames: see `FrameSchedule`. */
import { checkAborted } from '../errors.ts'
import { chunkOutputs, nextCaches } from '../nn/chunk-caches.ts'
import {
  type ClipPart,
  emptyCaches,
  FrameSchedule,
  fewestFirstFrames,
  framesBehind,
} from '../nn/frame-schedule.ts'
import { concatenate, sliceAxis } from '../tensor/axis.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ChunkResult, ChunkSettings, ClipRun } from './clip-graphs.ts'
import type { Feed, FrameStage, ResidentTensor, StagedGraphs } from './family.ts'

/** What a stage takes of the one before: its `features`. */
export const stageInput = 'features.in'

/** Frames of a clip, given out in their order. */
interface FrameSource {
  readonly name: string
  readonly axis: number
  readonly total: number
  take(count: number): Promise<Tensor>
}

/**
 * Runs stages over a clip. Every one holds the frames that its convolutions see and a part of the clip at a time, so memory
 * does not grow with the clip.
 */
export async function* runStages(
  options: ClipRun<StagedGraphs>,
): AsyncGenerator<ChunkResult, void, undefined> {
  const { graphs, input, outputs } = options
  const running: AsyncGenerator<ChunkResult, void, undefined>[] = []
  let source = wholeSource(input)
  for (const [index, stage] of graphs.stages.entries()) {
    const last = index === graphs.stages.length - 1
    const results = runStage(stage, source, last ? outputs : ['features'], options)
    running.push(results)
    source = new QueuedFrames(results, framesBehind(stage.layers, source.total))
  }
  try {
    yield* running.at(-1)!
  } finally {
    for (const each of running.toReversed()) await each.return()
  }
}

async function* runStage(
  stage: FrameStage,
  source: FrameSource,
  outputs: readonly string[],
  { run, drop, signal, chunk, feeds }: ChunkSettings & Pick<ClipRun, 'feeds'>,
): AsyncGenerator<ChunkResult, void, undefined> {
  const schedule = new FrameSchedule(stage.layers, stage.causal)
  let kept: Record<string, ResidentTensor> | undefined
  let start = 0
  try {
    for (const part of partsOf(stage, source.total, chunk)) {
      const started = performance.now()
      const frames = await source.take(part.frames)
      checkAborted(signal)
      const caches: Record<string, Feed> = kept ?? emptyCaches(stage.layers, frames)
      const byFrame = stage.feedsByFrame.map(name => {
        return [name, sliceAxis(feeds[name]!, source.axis, start, start + part.frames)] as const
      })
      const given: Record<string, Feed> = {
        [source.name]: frames,
        ...Object.fromEntries([...stage.feeds.map(name => [name, feeds[name]!] as const), ...byFrame]),
        ...schedule.next(part).feeds,
        ...caches,
      }
      const result = await run(stage.graph, given, chunkOutputs(outputs, Object.keys(caches), part.last))
      await drop(Object.values(kept ?? {}))
      kept = nextCaches(result)
      start += part.frames
      yield { tensors: result.tensors, seconds: (performance.now() - started) / 1000 }
    }
  } finally {
    await drop(Object.values(kept ?? {}))
  }
}

/** As many frames first as give one, and what chunks leave over; then chunks: the last part is one, however long the clip. */
function partsOf(stage: FrameStage, total: number, chunk: number): ClipPart[] {
  const size = chunk * stage.framesPerLatent
  const fewest = Math.min(total, fewestFirstFrames(stage.layers, stage.causal))
  const later = Math.floor((total - fewest) / size)
  return Array.from({ length: 1 + later }, (_, index) => {
    return { frames: index === 0 ? total - later * size : size, last: index === later }
  })
}

/**
 * The fewest latent frames, up to those of a clip, whose runs are of all the sizes that the clip's are.
 * @param chunk latent frames at a time
 */
export function framesOfAllSizes(stages: readonly FrameStage[], latentFrames: number, chunk: number): number {
  const first = stages.reduce((sum, { layers, causal, framesPerLatent }) => {
    return sum + Math.ceil(fewestFirstFrames(layers, causal) / framesPerLatent)
  }, 0)
  const spare = latentFrames - first - 3 * chunk
  return spare > 0 ? latentFrames - chunk * Math.floor(spare / chunk) : latentFrames
}

function wholeSource({ name, tensor, axis }: ClipRun['input']): FrameSource {
  let start = 0
  const take = async (count: number) => {
    start += count
    return sliceAxis(tensor, axis, start - count, start)
  }
  return { name, axis, total: tensor.shape[axis]!, take }
}

/** The `features` of a stage, as they come: [frames, width, h, w]. */
class QueuedFrames implements FrameSource {
  readonly name = stageInput
  readonly axis = 0
  readonly total: number
  readonly #results: AsyncIterator<ChunkResult>
  /** What came last, and how many of its frames are given out. */
  #held: Tensor | undefined
  #taken = 0

  constructor(results: AsyncIterator<ChunkResult>, total: number) {
    this.#results = results
    this.total = total
  }

  async take(count: number): Promise<Tensor> {
    const parts: Tensor[] = []
    for (let missing = count; missing > 0; ) {
      this.#held ??= await this.#next()
      const next = this.#held
      const frames = next.shape[0]!
      const end = Math.min(frames, this.#taken + missing)
      parts.push(this.#taken === 0 && end === frames ? next : sliceAxis(next, 0, this.#taken, end))
      missing -= end - this.#taken
      this.#taken = end === frames ? 0 : end
      if (end === frames) this.#held = undefined
    }
    return parts.length === 1 ? parts[0]! : concatenate(parts, 0)
  }

  async #next(): Promise<Tensor> {
    const { done, value } = await this.#results.next()
    if (done) throw new RangeError(`frames: expected ${this.total}, got fewer.`)
    return value.tensors.features!
  }
}
