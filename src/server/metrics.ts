import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type GpuMemory, gpuMemory } from '../engine/nvidia-gpus.ts'
import type { EngineHost } from '../host/engine-host.ts'
import { totalHostMemory } from '../host-memory.ts'
import type { QueueStats } from '../jobs/jobs.ts'
import type { TaskRecord } from '../jobs/task.ts'
import type { RunOutcome } from '../jobs/task-runner.ts'

/** What Prometheus collects. Names follow its conventions: base units, `_total` for counters. */
export interface Metrics {
  /** The text that Prometheus reads. */
  render(): Promise<{ readonly text: string; readonly contentType: string }>
  request(route: string, status: number, seconds: number): void
  created(api: string): void
  /** A run of a task began. */
  started(task: TaskRecord): void
  /** A run of a task ended: the task, too, unless it is tried again. */
  ended(outcome: RunOutcome): void
  step(device: string, seconds: number): void
}

/** What is read of an engine host. */
export type HostFigures = Pick<
  EngineHost,
  'device' | 'busy' | 'residentBytes' | 'restarts' | 'engineDevice' | 'modelHits' | 'modelMisses'
>

export interface MetricsSources {
  /** Of the queue. */
  readonly stats: () => Promise<QueueStats>
  /** Engine hosts of this process. */
  readonly hosts: () => readonly HostFigures[]
  /** Memory of the GPUs. @default what nvidia-smi says */
  readonly gpus?: () => Promise<readonly GpuMemory[]>
}

const stepBuckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
const taskBuckets = [1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600]

export function createMetrics({ stats, hosts, gpus = gpuMemory }: MetricsSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const readQueue = queueGauges(registry, stats)
  hostGauges(registry, hosts)
  const readMemory = memoryGauges(registry, hosts, gpus)
  modelCacheCounter(registry, hosts)
  const requests = new Histogram({
    name: 'framewright_http_request_duration_seconds',
    help: 'Time to answer a request, by route and status.',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers,
  })
  const created = new Counter({
    name: 'framewright_tasks_created_total',
    help: 'Tasks that were put into the queue, by interface.',
    labelNames: ['api'],
    registers,
  })
  const ended = new Counter({
    name: 'framewright_runs_ended_total',
    help: 'Runs of tasks that ended, by outcome and code of failure.',
    labelNames: ['outcome', 'code'],
    registers,
  })
  const stages = new Histogram({
    name: 'framewright_stage_duration_seconds',
    help: 'Time of every stage of a video.',
    labelNames: ['stage'],
    buckets: taskBuckets,
    registers,
  })
  const waited = new Histogram({
    name: 'framewright_task_wait_seconds',
    help: 'Time from a request to the start of a run of its task.',
    buckets: taskBuckets,
    registers,
  })
  const steps = new Histogram({
    name: 'framewright_step_duration_seconds',
    help: 'Time of a denoising step.',
    labelNames: ['device'],
    buckets: stepBuckets,
    registers,
  })
  return {
    async render() {
      await Promise.all([readQueue(), readMemory()])
      return { text: await registry.metrics(), contentType: registry.contentType }
    },
    request: (route, status, seconds) => requests.observe({ route, status }, seconds),
    created: api => created.inc({ api }),
    started: ({ createdAt }) => waited.observe((Date.now() - Date.parse(createdAt)) / 1000),
    ended(outcome) {
      ended.inc({ outcome: outcome.type, code: outcome.type === 'failed' ? outcome.failure.code : '' })
      const seconds = outcome.type === 'succeeded' ? outcome.result.seconds : {}
      for (const [stage, each] of Object.entries(seconds)) stages.observe({ stage }, each)
    },
    step: (device, seconds) => steps.observe({ device }, seconds),
  }
}

/** @returns reads the queue; the gauges keep what it was when they were last collected */
function queueGauges(registry: Registry, read: MetricsSources['stats']): () => Promise<void> {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] })
  const depth = gauge('framewright_queue_depth', 'Tasks that wait.')
  const running = gauge('framewright_tasks_running', 'Tasks that are being worked on.')
  const age = gauge('framewright_queue_oldest_seconds', 'How long the oldest waiting task has waited.')
  const up = gauge('framewright_queue_up', 'Whether the task store answers.')
  return async () => {
    const stats = await read().catch(() => undefined)
    up.set(stats ? 1 : 0)
    if (!stats) return
    depth.set(stats.queued)
    running.set(stats.running)
    age.set(stats.oldestSeconds)
  }
}

function hostGauges(registry: Registry, hosts: MetricsSources['hosts']): void {
  const perHost = (name: string, help: string, read: (host: HostFigures) => number) => {
    const gauge: Gauge<'device'> = new Gauge({
      name,
      help,
      labelNames: ['device'],
      registers: [registry],
      collect() {
        for (const host of hosts()) gauge.set({ device: host.device }, read(host))
      },
    })
  }
  perHost('framewright_host_busy', 'Whether the engine host of a device makes a video.', host =>
    host.busy ? 1 : 0,
  )
  perHost('framewright_host_resident_bytes', 'Memory of the engine host.', host => host.residentBytes)
  perHost(
    'framewright_host_restarts_total',
    'How often the engine host was started again.',
    host => host.restarts,
  )
}

/** @returns reads the memory of the devices that hold a model; the gauges keep what it was then */
function memoryGauges(
  registry: Registry,
  hosts: MetricsSources['hosts'],
  gpus: () => Promise<readonly GpuMemory[]>,
): () => Promise<void> {
  const gauge = (name: string, help: string) => {
    return new Gauge({ name, help, labelNames: ['device'], registers: [registry] })
  }
  const used = gauge(
    'framewright_device_memory_used_bytes',
    'Memory in use on a device that holds a model: of the engine host on the CPU, of all programs on a GPU.',
  )
  const total = gauge('framewright_device_memory_total_bytes', 'Memory of a device that holds a model.')
  // Who asks at the same time shares one look: it starts a program.
  let looking: Promise<readonly GpuMemory[]> | undefined
  const look = () => {
    looking ??= gpus().finally(() => {
      looking = undefined
    })
    return looking
  }
  return async () => {
    const onGpu = hosts().some(({ engineDevice }) => engineDevice?.startsWith('cuda'))
    const there = onGpu ? await look() : []
    used.reset()
    total.reset()
    for (const { engineDevice, residentBytes } of hosts()) {
      for (const device of engineDevice?.split(',') ?? []) {
        const memory =
          device === 'cpu'
            ? {
                usedBytes: residentBytes,
                totalBytes: totalHostMemory(),
              }
            : there.find(gpu => gpu.device === device)
        if (!memory) continue
        used.set({ device }, memory.usedBytes)
        total.set({ device }, memory.totalBytes)
      }
    }
  }
}

/** An engine host keeps the model of its last run: the one cache there is between videos. */
function modelCacheCounter(registry: Registry, hosts: MetricsSources['hosts']): void {
  const counter: Counter<'cache' | 'device' | 'result'> = new Counter({
    name: 'framewright_cache_requests_total',
    help: 'Runs that found the model of their engine host loaded (hit), and those that had to load it (miss).',
    labelNames: ['cache', 'device', 'result'],
    registers: [registry],
    collect() {
      counter.reset()
      for (const { device, modelHits, modelMisses } of hosts()) {
        counter.inc({ cache: 'model', device, result: 'hit' }, modelHits)
        counter.inc({ cache: 'model', device, result: 'miss' }, modelMisses)
      }
    },
  })
}
