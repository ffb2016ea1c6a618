import type { Outcome, ResultLine, Stage, Task } from './tasks.ts'

export interface RunOptions {
  /** Seconds for all of it. */
  readonly limitSeconds: number
  /** What budgets of stages are multiplied by. */
  readonly pace: number
  /** Retries failed attention with cuDNN's attention off. */
  readonly onGpu: boolean
  /** Numbers of the stages to run. @default all */
  readonly only?: readonly number[]
  readonly run: (task: Task, limitSeconds: number) => Promise<Outcome>
  /** Is given every line as soon as it is there. */
  readonly record: (line: ResultLine) => void
  /** Ends the run after the task that is under way. */
  readonly signal?: AbortSignal
  /** Milliseconds. */
  readonly now?: () => number
}

/** A task is not begun with less time than this. */
const leastSeconds = 3

/** A stage may take its budget so many times over: what it measures is worth more than the later ones. */
const stretch = 2

/** Runs stages in order. What fails or has no time left is recorded as such, and the next goes on. */
export async function runStages(stages: readonly Stage[], options: RunOptions): Promise<void> {
  const { now = () => performance.now(), limitSeconds, pace, only, signal } = options
  const began = now()
  const elapsed = () => (now() - began) / 1000
  for (const stage of stages) {
    if (only && !only.includes(stage.number)) continue
    const end = Math.min(limitSeconds, elapsed() + stretch * pace * stage.budgetSeconds)
    const results = new Map<string, unknown>()
    for (const task of stage.tasks) {
      if (signal?.aborted) return
      const line = await runTask(task, () => end - elapsed(), options)
      if (line.status === 'ok') results.set(task.name, line.result)
      options.record({ stage: stage.number, ...line, at: elapsed() })
    }
    const derived = stage.derive?.(results) ?? {}
    if (Object.keys(derived).length === 0) continue
    const figures = { stage: stage.number, task: 'derived', status: 'ok', seconds: 0 } as const
    options.record({ ...figures, at: elapsed(), result: derived })
  }
}

async function runTask(
  task: Task,
  left: () => number,
  { run, onGpu }: RunOptions,
): Promise<Omit<ResultLine, 'stage' | 'at'>> {
  const { name } = task
  if (left() < leastSeconds) return { task: name, status: 'no time left', seconds: 0 }
  const outcome = checked(task, await run(task, left()))
  if (!onGpu || outcome.status !== 'failed' || !isAttentionFailure(outcome) || left() < leastSeconds) {
    return { task: name, ...outcome }
  }
  const variables = { ...task.variables, ORT_ENABLE_CUDNN_FLASH_ATTENTION: '0' }
  const again = checked(task, await run({ ...task, variables }, left()))
  const retried = `without cuDNN's attention; with it: ${outcome.message}`
  return { task: name, ...again, retried }
}

function isAttentionFailure({ message = '' }: Outcome): boolean {
  return /MultiHeadAttention|cudnn|sdpa/i.test(message)
}

function checked(task: Task, outcome: Outcome): Outcome {
  const wrong = outcome.status === 'ok' ? task.check?.(outcome.result) : undefined
  return wrong === undefined ? outcome : { ...outcome, status: 'failed', message: wrong }
}
