import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { requestFields } from '../api/request-fields.ts'
import { devicesFor } from '../engine/graph-source.ts'
import { FramewrightError, invalidRequest, MediaError } from '../errors.ts'
import type { Storage } from '../jobs/storage.ts'
import type { TaskOutput, TaskRequest } from '../jobs/task.ts'
import type { RunOutcome, TaskRun, TaskRunner } from '../jobs/task-runner.ts'
import type { Notice } from '../notices.ts'
import { withPaths } from '../pipeline/fields/stored-fields.ts'
import { EngineHost, type EngineHostOptions, type HostEvent } from './engine-host.ts'
import type { HostEngineOptions } from './host-process.ts'
import type { NamedAdapter, NamedAdapters } from './named-adapters.ts'
import { plainFailure, plainMessage } from './plain-failure.ts'
import type { HostProgress, RunEnd, RunSpec } from './protocol.ts'

export interface HostRunnerOptions {
  readonly models: readonly string[]
  /** LoRA files by the names that tasks call them by. */
  readonly adapters: NamedAdapters
  /** One for each engine host. */
  readonly devices: readonly string[]
  readonly engine?: Omit<HostEngineOptions, 'device'>
  readonly storage: Storage
  readonly checkpointSeconds?: number
  /** Steps from one preview to the next; 0 for none. */
  readonly previewSteps?: number
  readonly host?: Pick<EngineHostOptions, 'graceMs' | 'pingMs'>
  readonly onHostEvent?: (device: string, event: HostEvent) => void
  readonly onStep?: (device: string, seconds: number) => void
}

/** Makes the videos of tasks in engine hosts: one process a device, one video at a time on each. */
export class HostRunner implements TaskRunner {
  readonly models: readonly string[]
  readonly adapters: readonly string[]
  readonly hosts: readonly EngineHost[]
  readonly #options: HostRunnerOptions
  readonly #free: EngineHost[]
  readonly #waiting: ((host: EngineHost) => void)[] = []

  constructor(options: HostRunnerOptions) {
    // A wrong name is told at once, and not by every task.
    for (const device of options.devices) if (device !== 'auto') devicesFor(device, options.engine?.precision)
    this.#options = options
    this.models = options.models
    this.adapters = Object.keys(options.adapters)
    this.hosts = options.devices.map(device => {
      return new EngineHost({
        engine: { ...options.engine, device },
        ...options.host,
        ...(options.onHostEvent && { onEvent: event => options.onHostEvent?.(device, event) }),
      })
    })
    this.#free = [...this.hosts]
  }

  get lanes(): number {
    return this.hosts.length
  }

  /** Starts the hosts, each of which uses its device. @throws BackendError that names one that does not work */
  async open(): Promise<void> {
    await Promise.all(this.hosts.map(host => host.open()))
  }

  async run(run: TaskRun): Promise<RunOutcome> {
    const host = this.#free.pop() ?? (await new Promise<EngineHost>(resolve => this.#waiting.push(resolve)))
    const outcome = await this.#runOn(host, run).catch((error): RunOutcome => {
      const code = FramewrightError.is(error) ? error.code : 'internal'
      return {
        type: 'failed',
        failure: { code, message: (error as Error).message },
        retry: isRetryable(code),
      }
    })
    const judged = await this.#judge(host, outcome)
    // A host whose device does not work gets nothing more.
    if (judged.type === 'failed' && judged.failure.code === 'runtime/provider')
      return this.#plain(host, run.task, judged)
    const next = this.#waiting.shift()
    if (next) next(host)
    else this.#free.push(host)
    return this.#plain(host, run.task, judged)
  }

  /**
   * A GPU's failure to take a graph may be the graph's or the device's: where the device computes, in a new process, it is
   * the task that has failed.
   */
  async #judge(host: EngineHost, outcome: RunOutcome): Promise<RunOutcome> {
    if (outcome.type !== 'failed' || outcome.failure.code !== 'runtime/provider') return outcome
    try {
      await host.reopen()
    } catch {
      return outcome
    }
    return { ...outcome, failure: { ...outcome.failure, code: 'runtime/session' }, retry: true }
  }

  /** The outcome for clients; what a failure says of this machine goes to its log. */
  #plain({ device }: EngineHost, { id, request }: TaskRun['task'], outcome: RunOutcome): RunOutcome {
    if (outcome.type !== 'failed') return outcome
    const failure = plainFailure(outcome.failure, request, this.#options)
    if (failure.message !== outcome.failure.message) {
      const text = `task ${id}: ${outcome.failure.message}`
      this.#options.onHostEvent?.(device, { type: 'note', text })
    }
    return { ...outcome, failure }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.hosts.map(host => host[Symbol.asyncDispose]()))
  }

  async #runOn(host: EngineHost, { task, signal, report, checkpoint }: TaskRun): Promise<RunOutcome> {
    const outputs = this.#outputs(task.id, task.attempt)
    const spec = this.#spec(task.id, task.request, outputs, checkpoint)
    await mkdir(dirname(spec.video), { recursive: true })
    let noticed: readonly Notice[] = []
    const onProgress = ({ previewStep, stepSeconds, notices, ...progress }: HostProgress) => {
      if (stepSeconds !== undefined) this.#options.onStep?.(host.device, stepSeconds)
      const preview = previewStep !== undefined && {
        preview: { key: `previews/${task.id}/${previewStep}.jpg`, step: previewStep },
      }
      const fraction = Math.max(progress.fraction, task.progress.fraction)
      if (notices) noticed = this.#plainNotices(task.request, notices)
      report({ ...progress, fraction, ...preview, ...(noticed.length > 0 && { notices: noticed }) })
    }
    const end = await host.run(spec, { signal, onProgress })
    return withNotices(await this.#outcome(end, outputs), noticed)
  }

  #plainNotices(request: TaskRequest, notices: readonly Notice[]): readonly Notice[] {
    return notices.map(({ code, message }) => {
      return { code, message: plainMessage(message, request, this.#options) }
    })
  }

  #spec(
    id: string,
    { model, generate, adapters = [] }: TaskRequest,
    { video, thumbnail, spritesheet }: Outputs,
    checkpoint: string,
  ): RunSpec {
    const { storage, checkpointSeconds = 30, previewSteps = 5 } = this.#options
    return {
      model,
      generate: withPaths(generate, requestFields, key => storage.pathOf(key)),
      adapters: adapters.map(({ name, scale }) => ({ name, scale, ...this.#adapter(name) })),
      video: storage.pathOf(video.key),
      thumbnail: storage.pathOf(thumbnail.key),
      spritesheet: storage.pathOf(spritesheet.key),
      checkpoint: { path: storage.pathOf(checkpoint), everySeconds: checkpointSeconds },
      preview: { everySteps: previewSteps, folder: storage.pathOf(`previews/${id}`) },
    }
  }

  #adapter(name: string): NamedAdapter {
    const known = this.#options.adapters[name]
    if (known) return known
    throw invalidRequest(
      `adapter ${name}`,
      `one of ${this.adapters.join(', ') || 'none'}`,
      'another',
      'Start the program with --lora NAME=FILE.',
    )
  }

  #outputs(id: string, attempt: number): Outputs {
    const key = (name: string) => `outputs/${id}/${attempt}-${name}`
    return {
      video: { name: 'video', key: key('video.mp4'), contentType: 'video/mp4' },
      thumbnail: { name: 'thumbnail', key: key('thumbnail.jpg'), contentType: 'image/jpeg' },
      spritesheet: { name: 'spritesheet', key: key('spritesheet.png'), contentType: 'image/png' },
    }
  }

  async #outcome(end: RunEnd, outputs: Outputs): Promise<RunOutcome> {
    if (end.type === 'stopped') return { type: 'interrupted' }
    if (end.type === 'failed')
      return { type: 'failed', failure: end.failure, retry: isRetryable(end.failure.code) }
    const written: TaskOutput[] = []
    for (const output of [outputs.video, outputs.thumbnail, outputs.spritesheet]) {
      const found = await this.#options.storage.stat(output.key)
      if (!found?.bytes) throw new MediaError('media/output', `${output.name}: expected a file, got none.`)
      written.push({ ...output, bytes: found.bytes })
    }
    const { resumedAt: _, ...result } = end.result
    return { type: 'succeeded', result: { ...result, outputs: written } }
  }
}

interface Outputs {
  readonly video: Omit<TaskOutput, 'bytes'>
  readonly thumbnail: Omit<TaskOutput, 'bytes'>
  readonly spritesheet: Omit<TaskOutput, 'bytes'>
}

function withNotices(outcome: RunOutcome, notices: readonly Notice[]): RunOutcome {
  if (notices.length === 0) return outcome
  if (outcome.type === 'succeeded') return { ...outcome, result: { ...outcome.result, notices } }
  if (outcome.type === 'failed') return { ...outcome, failure: { ...outcome.failure, notices } }
  return outcome
}

/** What another attempt may change: the machine, not the request. */
function isRetryable(code: string): boolean {
  return (
    code === 'internal' || code.startsWith('runtime/') || code.startsWith('host/') || code === 'media/output'
  )
}
