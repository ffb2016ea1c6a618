import { setTimeout as wait } from 'node:timers/promises'
import { FramewrightError, JobsError } from '../errors.ts'
import type { Storage } from './storage.ts'
import type { TaskFailure, TaskProgress, TaskRecord } from './task.ts'
import type { TaskChanges } from './task-changes.ts'
import type { Claim, TaskClaims } from './task-claims.ts'
import type { RunOutcome, StopReason, TaskRunner } from './task-runner.ts'
import { checkpointKey } from './task-store.ts'
import { Wakeup } from './wakeup.ts'

export interface WorkerParts {
  readonly claims: TaskClaims
  readonly changes: TaskChanges
  readonly runner: TaskRunner
  readonly storage: Storage
  /** @throws JobsError when the storage is not the one of the database any more */
  readonly checkStorage: () => Promise<void>
  readonly leaseSeconds: number
  readonly runSeconds: number
  readonly drainSeconds: number
  readonly onError: (error: Error) => void
  readonly onUnable: (failure: TaskFailure) => void
}

/** Milliseconds between looks into the queue when nothing is heard of it. */
const pollMs = 1000
/** Milliseconds without a look into the queue that succeeds after which the process counts as one that takes no tasks. */
const stalledMs = (leaseSeconds: number) => Math.max((leaseSeconds * 1000) / 3, 3 * pollMs)
/** Milliseconds between reports of a run, which the database is told. */
const reportMs = 200

/** Takes tasks as long as the runner has a lane for them, and sees that each run ends in the database, once. */
export class TaskWorker {
  readonly #parts: WorkerParts
  readonly #stops = new Set<AbortController>()
  readonly #runs = new Set<Promise<void>>()
  readonly #wakeup = new Wakeup()
  readonly #loop: Promise<void>
  readonly #unsubscribe: () => void
  #draining = false
  /** When the queue was last looked into, or there was no need to. */
  #lookedAt = performance.now()
  /** Lanes of the runner that do not work. */
  #brokenLanes = 0
  /** Why no more tasks are taken. */
  #unable: TaskFailure | undefined

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.#unsubscribe = parts.changes.onAny((_, state) => {
      if (state === 'queued') this.#wakeup.wake()
    })
    this.#loop = this.#takeTasks()
  }

  /** @throws JobsError when no tasks are taken though they should be */
  check(): void {
    if (this.#unable) throw notTaking(this.#unable.message)
    const ms = performance.now() - this.#lookedAt
    if (ms > stalledMs(this.#parts.leaseSeconds))
      throw notTaking(`no look into the queue for ${Math.round(ms / 1000)} s`)
  }

  /** Takes no more tasks, lets those that run go on for a while, and hands back what is left of them. */
  async drain(): Promise<void> {
    this.#draining = true
    this.#wakeup.wake()
    await this.#loop
    this.#unsubscribe()
    const late = new AbortController()
    const all = Promise.all(this.#runs)
    await Promise.race([
      all,
      wait(this.#parts.drainSeconds * 1000, undefined, { signal: late.signal }).catch(() => {}),
    ])
    late.abort()
    for (const stop of this.#stops) stop.abort('drain' satisfies StopReason)
    await all
  }

  async #takeTasks(): Promise<void> {
    const { claims, runner, onError } = this.#parts
    while (!this.#draining && !this.#unable) {
      const full = this.#runs.size >= runner.lanes - this.#brokenLanes
      let task: TaskRecord | undefined
      try {
        if (!full) task = await claims.take(runner)
        this.#lookedAt = performance.now()
      } catch (error) {
        onError(error as Error)
      }
      if (task) this.#start(task)
      else await this.#wakeup.next(pollMs)
    }
  }

  #start(task: TaskRecord): void {
    const run = this.#run(task)
      .catch(error => this.#parts.onError(error as Error))
      .finally(() => {
        this.#runs.delete(run)
        this.#wakeup.wake()
      })
    this.#runs.add(run)
  }

  async #run(task: TaskRecord): Promise<void> {
    const { changes, runner, storage, runSeconds } = this.#parts
    const claim: Claim = { id: task.id, attempt: task.attempt }
    const stop = new AbortController()
    this.#stops.add(stop)
    if (this.#draining && this.#parts.drainSeconds === 0) stop.abort('drain' satisfies StopReason)
    const stopHearing = changes.onTask(task.id, state => {
      if (state === 'cancelled') stop.abort('cancelled' satisfies StopReason)
    })
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      stop.abort('cancelled' satisfies StopReason)
    }, runSeconds * 1000)
    const keeper = this.#keep(claim, stop)
    try {
      const run = { task, signal: stop.signal, report: keeper.report, checkpoint: checkpointKey(task.id) }
      const outcome = await runner.run(run).catch(internalFailure)
      await keeper.stop()
      const whole = outcome.type === 'succeeded' ? await this.#checked(outcome) : outcome
      const final = timedOut && whole.type !== 'succeeded' ? tooLong(runSeconds) : this.#withoutBroken(whole)
      const became = await this.#publish(claim, final)
      const gone = became === undefined && stop.signal.reason === 'cancelled'
      if (became === 'ended' || gone) await storage.remove(checkpointKey(task.id))
    } finally {
      clearTimeout(timer)
      stopHearing()
      await keeper.stop()
      this.#stops.delete(stop)
    }
  }

  /** What is published has to be there, for those who look for it. */
  async #checked(outcome: Extract<RunOutcome, { type: 'succeeded' }>): Promise<RunOutcome> {
    const { storage, checkStorage } = this.#parts
    try {
      await checkStorage()
      for (const { key, bytes } of outcome.result.outputs) {
        const found = await storage.stat(key)
        if (found?.bytes === bytes) continue
        const message = `output: expected a file of ${bytes} bytes, got ${found ? found.bytes : 'none'}.`
        return { type: 'failed', failure: { code: 'media/output', message }, retry: true }
      }
      return outcome
    } catch (error) {
      const { message } = error as Error
      if (FramewrightError.is(error)) {
        this.#stopTaking({ code: error.code, message })
        return { type: 'interrupted' }
      }
      return {
        type: 'failed',
        failure: { code: 'media/output', message: 'The outputs cannot be read.' },
        retry: true,
      }
    }
  }

  /** Hands back a task whose lane does not work: others have one that does. */
  #withoutBroken(outcome: RunOutcome): RunOutcome {
    if (outcome.type !== 'failed' || outcome.failure.code !== 'runtime/provider') return outcome
    this.#brokenLanes++
    this.#parts.onError(new JobsError('jobs/unable', outcome.failure.message))
    if (this.#brokenLanes >= this.#parts.runner.lanes) this.#stopTaking(outcome.failure)
    return { type: 'interrupted' }
  }

  #stopTaking(failure: TaskFailure): void {
    if (this.#unable) return
    this.#unable = failure
    this.#wakeup.wake()
    this.#parts.onUnable(failure)
  }

  /** The database may be away for a while: the run still has its task until it is given to another. */
  async #publish(claim: Claim, outcome: RunOutcome): Promise<'ended' | 'queued' | undefined> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#parts.claims.end(claim, outcome)
      } catch (error) {
        this.#parts.onError(error as Error)
        if (this.#draining && tries >= 3) throw error
        await wait(Math.min(1000 * 2 ** tries, 10_000))
      }
    }
  }

  /** Tells the database that the run lives, and how far it is, until it is stopped. */
  #keep(claim: Claim, stop: AbortController): Keeper {
    const { claims, leaseSeconds, onError } = this.#parts
    const wakeup = new Wakeup()
    let latest: TaskProgress | undefined
    let stopped = false
    const loop = async () => {
      let kept = performance.now()
      while (!stopped) {
        await wakeup.next((leaseSeconds * 1000) / 3)
        if (stopped) return
        const progress = latest
        latest = undefined
        try {
          const has = await claims.keep(claim, progress)
          if (!has) return stop.abort('lost' satisfies StopReason)
          kept = performance.now()
        } catch (error) {
          onError(error as Error)
          if (performance.now() - kept > leaseSeconds * 1000) return stop.abort('lost' satisfies StopReason)
          await wait(500)
        }
        await wait(reportMs)
      }
    }
    const done = loop()
    return {
      report: progress => {
        latest = progress
        wakeup.wake()
      },
      stop: async () => {
        stopped = true
        wakeup.wake()
        await done
      },
    }
  }
}

interface Keeper {
  readonly report: (progress: TaskProgress) => void
  readonly stop: () => Promise<void>
}

function notTaking(got: string): JobsError {
  return new JobsError('jobs/unable', { subject: 'tasks', expected: 'to be taken from the queue', got })
}

function internalFailure(error: unknown): RunOutcome {
  return { type: 'failed', failure: { code: 'internal', message: (error as Error).message }, retry: true }
}

function tooLong(seconds: number): RunOutcome {
  const message = `The task took longer than ${seconds} seconds.`
  return { type: 'failed', failure: { code: 'jobs/timeout', message }, retry: false }
}
