import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { CheckpointError, invalidRequest } from '../errors.ts'
import { probeMedia } from '../media/probe.ts'
import { Notices, type Notify } from '../notices.ts'
import type { RunSettings } from '../pipeline/denoise-stage.ts'
import type { GenerateEvent } from '../pipeline/events.ts'
import { extend } from '../pipeline/extend.ts'
import { generate } from '../pipeline/generate.ts'
import { type GenerateRequest, resolveRequest } from '../pipeline/request.ts'
import { type Device, deviceText } from '../runtime/device.ts'
import { adaptedExperts, openAdapters } from './adapters.ts'
import { type Checkpoint, openCheckpoint, presetOffers } from './checkpoint.ts'
import { DeviceMemory } from './device-memory.ts'
import type { Engine, EngineOptions, EngineParts } from './engine.ts'
import { devicesFor, graphSource } from './graph-source.ts'
import { GuidancePair } from './guidance-pair.ts'
import { Lane } from './lane.ts'
import { LanePool } from './lane-pool.ts'
import { memoryEstimator } from './memory-estimate.ts'
import { openUpsampler } from './open-upsampler.ts'
import { openPromptCache, type PromptCache, promptCacheFolder } from './prompt-cache.ts'
import { RunningRequests } from './running-requests.ts'

/** Opens a checkpoint. Its components load when they are first needed. */
export async function openEngine(options: EngineOptions, parts: EngineParts): Promise<Engine> {
  const [device, second] = devicesFor(options.device ?? 'auto', options.precision)
  const opening = new Notices()
  const checkpoint = await openCheckpoint(options.model, parts.families, {
    pipeline: options.pipeline,
    files: options.files,
  })
  for (const notice of checkpoint.notices) opening.add('checkpoint/replaced', notice)
  for (const choice of checkpoint.choices) opening.add('checkpoint/chosen', choice)
  noteExperimental(checkpoint, options, opening.add)
  const { adapters: wanted = [] } = options
  const adapters = wanted.length > 0 ? await openAdapters(wanted, checkpoint, opening.add) : []
  const files = adapters.map(({ file }) => ({ what: `adapter ${file.path}`, metadata: file.metadata }))
  for (const offer of presetOffers(checkpoint, files)) opening.add('adapter/few-steps', offer)
  const precision = { device, requested: options.precision }
  const source = graphSource(checkpoint, precision, adapters)
  const { lanes, threads } = sharedCores(options, device, second, opening)
  const openLane = (on: Device) => new Lane(parts.createBackend({ device: on, threads }), source, 'keep')
  const prompts = await promptCacheOf(options)
  const pool = new LanePool(lanes, () => {
    return second ? new GuidancePair(openLane(device), openLane(second), source) : openLane(device)
  })
  const { model } = checkpoint
  const adapted = adapters.length > 0 ? adaptedExperts(model, adapters) : []
  // Every run says what was noticed when the model was opened.
  const opened = opening.take()
  const { residency = 'auto' } = options
  const requests = new RunningRequests()
  const pairs = second !== undefined && deviceText(second) === deviceText(device)
  const memory = new DeviceMemory(device, memoryEstimator(checkpoint, device, source, { pairs }), {
    residencies: residency === 'auto' ? undefined : [residency],
    limit: options.memory,
  })
  return {
    facts: model.facts,
    fields: checkpoint.fields,
    device: [device, ...(second ? [second] : [])].map(deviceText).join(),
    adapters: wanted,
    precision: options.precision,
    generate: (request, { signal, ...settings } = {}) => {
      return requests.run(signal, stop => makeVideo(request, settings, stop))
    },
    settled: () => requests.settled(),
    async [Symbol.asyncDispose]() {
      await requests.dispose()
      await pool[Symbol.asyncDispose]()
    },
  }

  async function* makeVideo(
    request: GenerateRequest,
    settings: RunSettings,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent, void, undefined> {
    const notices = new Notices(opened)
    const planning = { fields: checkpoint.fields, randomSeed, notify: notices.add }
    source.files.beforeRequest()
    const plan = await resolveRequest(request, model.facts, probeMedia, planning)
    if (plan.upsampler !== undefined) {
      const { recipe, weights } = await openUpsampler(plan.upsampler, checkpoint)
      source.add(recipe, weights)
      // Weights that are not what its config says are an error before the first step.
      await source.graph(recipe.name)
    }
    const lane = await pool.acquire(signal)
    lane.setAbortSignal(signal)
    lane.runForPrompt = prompts?.remembering(lane.run, source, checkpoint.weights, notices.add)
    try {
      await memory.admit(lane, plan)
      const make = plan.extend ? extend : generate
      const context = { ...settings, notices, adaptedExperts: adapted }
      for await (const event of make(model, plan, lane, signal, context)) {
        source.files.assertUnchangedInRuns()
        yield event
      }
    } finally {
      await lane.dropAll().finally(() => {
        memory.settle(lane)
        pool.giveBack(lane)
      })
    }
  }
}

/** @throws CheckpointError for a model that is not checked in full, unless it is asked for */
function noteExperimental(
  { folder, model: { facts } }: Checkpoint,
  { experimental }: EngineOptions,
  notify: Notify,
): void {
  if (facts.experimental === undefined) return
  if (experimental) {
    notify('checkpoint/experimental', `model: ${facts.experimental}.`)
    return
  }
  throw new CheckpointError('checkpoint/experimental', {
    subject: `model ${folder}`,
    expected: 'one that is checked in full',
    got: facts.experimental,
    advice: 'Run it with --experimental, or the option experimental.',
  })
}

async function promptCacheOf({ promptCache = false }: EngineOptions): Promise<PromptCache | undefined> {
  if (promptCache === false) return undefined
  return await openPromptCache(promptCache === true ? promptCacheFolder() : promptCache)
}

/** Short enough to be typed again. */
function randomSeed(): bigint {
  return BigInt(randomBytes(4).readUInt32BE())
}

/**
 * Lanes, and the CPU threads of each: 0 leaves them to the runtime, one a physical core. More threads than cores wait for
 * each other, and stall the machine.
 */
function sharedCores(
  options: EngineOptions,
  device: Device,
  second: Device | undefined,
  notices: Notices,
): { readonly lanes: number; readonly threads: number } {
  const cores = availableParallelism()
  const capped = (subject: string, value: number) => {
    const asked = checkedCount(subject, value)
    if (asked <= cores) return asked
    notices.add(
      'machine/capped',
      `${subject}: ${cores} are used, the cores of this machine, of the ${asked} asked for.`,
    )
    return cores
  }
  const wanted = options.lanes ?? 1
  const lanes = device.type === 'cpu' ? capped('lanes', wanted) : checkedCount('lanes', wanted)
  const queues = second ? 2 * lanes : lanes
  if (options.threads === undefined && queues === 1) return { lanes, threads: 0 }
  const threads = capped('threads', options.threads ?? cores)
  return { lanes, threads: Math.max(1, Math.floor(threads / queues)) }
}

function checkedCount(subject: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= 1024) return value
  throw invalidRequest(subject, 'a whole number from 1 to 1024', value)
}
