import { hostname } from 'node:os'
import { pino } from 'pino'
import { databaseAddressForm, isDatabaseAddress, withoutPassword } from '../api/addresses.ts'
import { checkFilesTaken } from '../engine/model-files.ts'
import { builtInModel, resolveModel } from '../engine/model-name.ts'
import { invalidRequest, JobsError } from '../errors.ts'
import { FolderStorage } from '../jobs/folder-storage.ts'
import type { OpenJobs } from '../jobs/jobs-options.ts'
import type { TaskRunner } from '../jobs/task-runner.ts'
import { HostRunner } from './host-runner.ts'
import { checkNamedAdapters } from './named-adapters.ts'
import { runnerOptionsOf } from './runner-options.ts'
import type { VideoOptions } from './video-options.ts'

export interface WorkerOptions extends VideoOptions {
  /** PostgreSQL server of the tasks, `postgres://…`. */
  readonly database: string
  /** Folder of the files, which the servers and all workers see. */
  readonly storage: string
  /** Name of the queue that tasks are taken from. @default `default` */
  readonly queue?: string
  /** Checkpoints to take tasks of, named as the servers name them. @default the built-in one */
  readonly models?: readonly string[]
  /** Seconds without a sign of life after which other workers take over a task. @default 30 */
  readonly leaseSeconds?: number
  /** Seconds that one run may take, at most 72000. @default 21600 */
  readonly runSeconds?: number
  /** Seconds that runs may go on when the worker is stopped, before they are handed back. @default 0 */
  readonly drainSeconds?: number
  /** JSON lines on standard output. @default `info` */
  readonly logLevel?: 'silent' | 'error' | 'warn' | 'info' | 'debug'
}

/** A worker that takes tasks. Disposing of it hands back what it is working on, with a checkpoint. */
export interface RunningWorker extends AsyncDisposable {
  readonly models: readonly string[]
  /** Resolves when it takes no more tasks, with the reason: its devices do not work any more, or its storage is gone. */
  readonly failed: Promise<Error>
}

/**
 * Takes tasks from the queue of a fleet, and makes their videos in an engine host a device.
 * @throws RequestError for a database that cannot be shared; JobsError when it cannot be reached, or its servers have
 *   another storage; BackendError for a device that does not work
 */
export async function startWorker(options: WorkerOptions, openJobs: OpenJobs): Promise<RunningWorker> {
  if (!isDatabaseAddress(options.database)) {
    throw invalidRequest(
      'database',
      databaseAddressForm,
      JSON.stringify(withoutPassword(options.database)),
      'Tasks in a folder are for one process: framewright serve makes their videos itself.',
    )
  }
  const log = pino({ level: options.logLevel ?? 'info', base: { worker: `${hostname()}:${process.pid}` } })
  const storage = new FolderStorage(options.storage)
  const models = options.models?.length ? options.models : [builtInModel]
  checkFilesTaken(await Promise.all(models.map(resolveModel)), options.files)
  await checkNamedAdapters(options.adapters ?? {}, { models, files: options.files })
  const runner = new HostRunner({
    ...runnerOptionsOf(options, log),
    ...(options.devices?.length === 0 && { devices: ['auto'] }),
    models,
    storage,
  })
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<Error>(resolve => {
    fail = resolve
  })
  try {
    await runner.open()
    const { queue, leaseSeconds, runSeconds, drainSeconds } = options
    const { jobs } = await openJobs({
      database: options.database,
      storage,
      runner: logged(runner),
      ...(queue !== undefined && { queue }),
      ...(leaseSeconds !== undefined && { leaseSeconds }),
      ...(runSeconds !== undefined && { runSeconds }),
      ...(drainSeconds !== undefined && { drainSeconds }),
      storageKnown: true,
      onError: error => log.error({ error: error.message }, 'tasks'),
      onUnable: failure => {
        log.fatal({ failure }, 'no more tasks are taken')
        fail(new JobsError('jobs/unable', failure.message))
      },
    })
    log.info(
      { models: runner.models, adapters: runner.adapters, lanes: runner.lanes, storage: options.storage },
      'working',
    )
    return {
      models: runner.models,
      failed,
      async [Symbol.asyncDispose]() {
        log.info('draining')
        await jobs[Symbol.asyncDispose]()
        await runner[Symbol.asyncDispose]()
        log.info('drained')
      },
    }
  } catch (error) {
    await runner[Symbol.asyncDispose]()
    throw error
  }

  function logged(inner: TaskRunner): TaskRunner {
    return {
      models: inner.models,
      ...(inner.adapters && { adapters: inner.adapters }),
      lanes: inner.lanes,
      async run(run) {
        const { id, attempt, request } = run.task
        log.info({ task: id, attempt, model: request.model, adapters: request.adapters }, 'task begun')
        const began = performance.now()
        const outcome = await inner.run(run)
        const seconds = Math.round(performance.now() - began) / 1000
        const failure = outcome.type === 'failed' ? outcome.failure : undefined
        log[failure ? 'warn' : 'info'](
          { task: id, attempt, outcome: outcome.type, seconds, failure },
          'task ended',
        )
        return outcome
      },
      [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    }
  }
}
