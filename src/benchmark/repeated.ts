import { choosePlan } from '../engine/device-memory.ts'
import { graphSource } from '../engine/graph-source.ts'
import { Lane } from '../engine/lane.ts'
import { memoryEstimator } from '../engine/memory-estimate.ts'
import { nvidiaGpus } from '../engine/nvidia-gpus.ts'
import { CancelledError } from '../errors.ts'
import { addCosts, type GraphCost } from '../graph/cost.ts'
import type { Backend } from '../runtime/backend.ts'
import type { Context, Result } from './context.ts'
import { MeasuredRunner } from './measured-runner.ts'
import { type Measurements, measurement } from './report.ts'
import type { Parts, Work } from './work.ts'

/** A work that was prepared, with the lane that it runs on. */
export interface OpenWork extends AsyncDisposable {
  readonly runner: MeasuredRunner
  readonly repetition: () => Promise<Parts>
}

export async function openWork(context: Context, work: Work, backend: Backend): Promise<OpenWork> {
  const { checkpoint, device, precision, plan, signal, options } = context
  const { model } = checkpoint
  const { residency = 'auto' } = options
  const kept = residency === 'auto' ? 'keep' : residency
  const source = graphSource(checkpoint, precision)
  const lane = new Lane(backend, source, kept)
  try {
    const estimates = memoryEstimator(checkpoint, device, source)(plan, [kept])
    const choice = await choosePlan(estimates, undefined)
    if ('estimate' in choice) lane.applyMemoryPlan(choice.estimate.plan, choice.smaller)
    const runner = new MeasuredRunner(lane, source, work.isMeasured(model))
    const repetition = await work.prepare({ model, plan, runner, signal })
    return { runner, repetition, [Symbol.asyncDispose]: () => lane[Symbol.asyncDispose]() }
  } catch (error) {
    await lane[Symbol.asyncDispose]()
    throw error
  }
}

/** Does a work once to load and allocate, and then again and again with a clock. */
export async function measureRepeated(
  context: Context,
  work: Work,
  gpuBytesBefore: number | undefined,
): Promise<Result> {
  const { parts, device, threads, repeat, signal } = context
  const started = performance.now()
  await using open = await openWork(context, work, parts.createBackend({ device, threads }))
  await open.repetition()
  const first = (performance.now() - started) / 1000
  const seconds: number[] = []
  const running: number[] = []
  const byPart: Record<string, number[]> = {}
  let cost: GraphCost | undefined
  for (let round = 0; round < repeat; round++) {
    if (signal.aborted) throw new CancelledError({ cause: signal.reason })
    open.runner.runs.length = 0
    const began = performance.now()
    const found = await open.repetition()
    seconds.push((performance.now() - began) / 1000)
    running.push(open.runner.runs.reduce((sum, run) => sum + run.seconds, 0))
    cost = open.runner.runs.map(run => run.cost).reduce(addCosts)
    for (const [name, values] of Object.entries(found)) byPart[name] = [...(byPart[name] ?? []), ...values]
  }
  const memory = await memoryMeasurement(context, gpuBytesBefore)
  return {
    measurements: {
      [work.unit]: measurement(seconds, 's', 'lower'),
      ...Object.fromEntries(
        Object.entries(byPart).map(([name, values]) => [name, measurement(values, 's', 'lower')]),
      ),
      [`first ${work.unit}`]: measurement([first], 's', 'lower'),
      ...(cost && rates(cost, running)),
      ...memory,
    },
    ...(cost && { work: cost }),
    notes: [
      'compute and traffic are counted from the graphs and divided by the time inside their runs. Traffic counts every operand of every node once: where caches hold some of it, it can exceed what memory gives.',
    ],
  }
}

function rates({ flops, bytes }: GraphCost, running: readonly number[]): Measurements {
  return {
    compute: measurement(
      running.map(each => flops / each / 1e12),
      'TFLOP/s',
      'higher',
    ),
    traffic: measurement(
      running.map(each => bytes / each / 1e9),
      'GB/s',
      'higher',
    ),
  }
}

/** On a GPU what all runs have left allocated, as the runtime gives nothing back; on a CPU the process's most. */
async function memoryMeasurement({ device }: Context, before: number | undefined): Promise<Measurements> {
  if (device.type === 'cpu') {
    const bytes = process.resourceUsage().maxRSS * 1024
    return { 'peak memory': measurement([bytes], 'bytes', 'lower') }
  }
  const gpu = (await nvidiaGpus())[device.index]
  if (gpu === undefined || before === undefined) return {}
  return { 'peak memory': measurement([gpu.usedBytes - before], 'bytes', 'lower') }
}
