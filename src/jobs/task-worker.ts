import { setTimeout as wait } from 'node:timers/promises'
import type { RunOutcome, StopReason, Storage, TaskProgress, TaskRecord, TaskRunner } from './contract.ts'
import type { TaskChanges } from './task-changes.ts'
import type { Claim, TaskClaims } from './task-claims.ts'
import { queueModelOf } from './task-queue.ts'
import { checkpointKey } from './task-store.ts'
import { Wakeup } from './wakeup.ts'

export interface WorkerParts {
  readonly claims: TaskClaims
  readonly changes: TaskChanges
  readonly runner: TaskRunner
  readonly storage: Storage
  readonly leaseSeconds: number
  readonly runSeconds: number
  readonly drainSeconds: number
  readonly onError: (error: Error) => void
}

/** Milliseconds between looks into the queue when nothing is heard of it. */
const pollMs = 1000
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

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.#unsubscribe = parts.changes.onAny((_, state) => {
      if (state === 'queued') this.#wakeup.wake()
    })
    this.#loop = this.#takeTasks()
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
    while (!this.#draining) {
      const full = this.#runs.size >= runner.lanes
      const task = full
        ? undefined
        : await claims.take(runner).catch(error => {
            onError(error as Error)
            return undefined
          })
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
    const claim: Claim = { id: task.id, model: queueModelOf(task.request), attempt: task.attempt }
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
      const outcome = await runner.run(run)
      await keeper.stop()
      const final = timedOut && outcome.type !== 'succeeded' ? tooLong(runSeconds) : outcome
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

function tooLong(seconds: number): RunOutcome {
  const message = `The task took longer than ${seconds} seconds.`
  return { type: 'failed', failure: { code: 'jobs/timeout', message }, retry: false }
}
