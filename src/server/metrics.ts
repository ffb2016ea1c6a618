import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { EngineHost } from '../host/engine-host.ts'
import type { QueueStats, RunOutcome, TaskRecord } from '../jobs/contract.ts'

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

export interface MetricsSources {
  /** Of the queue. */
  readonly stats: () => Promise<QueueStats>
  /** Engine hosts of this process. */
  readonly hosts: () => readonly EngineHost[]
}

const stepBuckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
const taskBuckets = [1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600]

export function createMetrics({ stats, hosts }: MetricsSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const readQueue = queueGauges(registry, stats)
  hostGauges(registry, hosts)
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
      await readQueue()
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

function hostGauges(registry: Registry, hosts: () => readonly EngineHost[]): void {
  const perHost = (name: string, help: string, read: (host: EngineHost) => number) => {
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
