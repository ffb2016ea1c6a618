import type { TaskRunner } from '../jobs/task-runner.ts'
import type { Metrics } from './metrics.ts'

/** The same runner, whose runs are counted. */
export function measuredRunner(runner: TaskRunner, metrics: Metrics): TaskRunner {
  return {
    models: runner.models,
    ...(runner.adapters && { adapters: runner.adapters }),
    lanes: runner.lanes,
    async run(run) {
      metrics.started(run.task)
      const outcome = await runner.run(run)
      metrics.ended(outcome)
      return outcome
    },
    [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
  }
}
