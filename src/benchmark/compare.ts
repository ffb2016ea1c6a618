import { z } from 'zod'
import { invalidRequest } from '../errors.ts'
import { wrongField } from '../schema-issue.ts'

/** Two reports side by side. */
export interface Comparison {
  readonly first: string
  readonly second: string
  readonly rows: readonly ComparedMeasurement[]
  /** Settings and machines that differ: what the ratios have to be read with. */
  readonly differences: readonly string[]
}

export interface ComparedMeasurement {
  readonly name: string
  readonly unit: string
  readonly better: 'lower' | 'higher'
  /** Medians. */
  readonly first: number
  readonly second: number
  /** second / first */
  readonly ratio: number
}

const settingValue = z.union([z.string(), z.number(), z.boolean()])

/** What two programs have to agree on; peers of `bench/peers` write no more than this. */
const comparable = z.object({
  format: z.literal(1),
  program: z.string(),
  what: z.string(),
  machine: z.record(z.string(), settingValue),
  settings: z.record(z.string(), settingValue),
  measurements: z.record(
    z.string(),
    z.object({ unit: z.string(), better: z.enum(['lower', 'higher']), p50: z.number(), p95: z.number() }),
  ),
})

/** @throws RequestError for what is not a report, or two that answer different questions */
export function compareReports(first: unknown, second: unknown): Comparison {
  const a = parseReport('first report', first)
  const b = parseReport('second report', second)
  if (a.what !== b.what) {
    throw invalidRequest('second report', `one of ${a.what}, as the first`, b.what)
  }
  const rows = Object.entries(a.measurements).flatMap(([name, { unit, better, p50 }]) => {
    const other = b.measurements[name]
    if (other?.unit !== unit) return []
    return [{ name, unit, better, first: p50, second: other.p50, ratio: other.p50 / p50 }]
  })
  return {
    first: a.program,
    second: b.program,
    rows,
    differences: [
      ...differencesOf('machine', a.machine, b.machine),
      ...differencesOf('settings', a.settings, b.settings),
    ],
  }
}

function parseReport(subject: string, value: unknown): z.infer<typeof comparable> {
  const parsed = comparable.safeParse(value)
  if (parsed.success) return parsed.data
  const { field, expected, got } = wrongField(parsed.error, value, comparable)
  throw invalidRequest(
    subject,
    'what "framewright bench … --json FILE" wrote, or a script of bench/peers',
    `${field || 'its content'}: ${got}, not ${expected}`,
  )
}

/** Of what both say. */
function differencesOf(
  part: string,
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): string[] {
  return Object.keys(a).flatMap(name =>
    name in b && a[name] !== b[name] ? [`${part}, ${name}: ${a[name]} and ${b[name]}`] : [],
  )
}
