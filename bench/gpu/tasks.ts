/** What one measurement of the kit is, and what is kept of it. */

export interface Task {
  readonly name: string
  /** The program: `node` is the one that runs this, `python` the one that was asked for. */
  readonly program: 'node' | 'python'
  readonly words: readonly string[]
  /** File that it writes its JSON to; what it prints is its JSON where there is none. */
  readonly json?: string
  readonly variables?: Readonly<Record<string, string>>
  /** An exit status other than 0 with which it has a result too. */
  readonly exitsWith?: number
  /** What has to be true of its result: the reason why not, or undefined. */
  readonly check?: (result: unknown) => string | undefined
}

export interface Stage {
  readonly number: number
  readonly title: string
  readonly budgetSeconds: number
  readonly tasks: readonly Task[]
  /** Computes further figures from the results of its tasks, by name. */
  readonly derive?: (results: ReadonlyMap<string, unknown>) => Readonly<Record<string, number>>
}

/** How one call of a program ended. */
export interface Outcome {
  readonly status: 'ok' | 'failed' | 'out of time' | 'interrupted'
  readonly seconds: number
  readonly result?: unknown
  /** The end of what it wrote to its standard error. */
  readonly message?: string
}

/** A line of results.jsonl. */
export interface ResultLine {
  readonly stage: number
  readonly task: string
  readonly status: Outcome['status'] | 'no time left'
  readonly seconds: number
  /** Seconds since the run began. */
  readonly at: number
  readonly retried?: string
  readonly message?: string
  readonly result?: unknown
}

/** The line that is printed: stage, task, how it ended, and the medians of a report. */
export function lineText({ stage, task, status, seconds, retried, message, result }: ResultLine): string {
  const how = status === 'ok' ? `${seconds.toFixed(1)} s` : `${status}${message ? `: ${message}` : ''}`
  const figures = Object.entries(figuresOf(result)).map(([name, value]) => `${name} ${value}`)
  const notes = [...figures, ...(retried ? [`(${retried})`] : [])]
  return [`[${stage}] ${task}: ${how}`, ...notes].join('  ').replaceAll('\n', ' ').slice(0, 400)
}

/** Medians of a benchmark's report, or the numbers and texts of another result. */
function figuresOf(result: unknown): Record<string, string> {
  if (typeof result !== 'object' || result === null) return {}
  const { measurements } = result as { measurements?: Record<string, { p50: number; unit: string }> }
  if (measurements) {
    const entries = Object.entries(measurements)
    return Object.fromEntries(entries.map(([name, { p50, unit }]) => [name, `${short(p50)} ${unit}`]))
  }
  const simple = Object.entries(result).filter(([name, value]) => {
    return ['number', 'string'].includes(typeof value) && name !== 'wrong' // which is the message
  })
  return Object.fromEntries(
    simple.map(([name, value]) => [name, typeof value === 'number' ? short(value) : value]),
  )
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)))
}
