import type { DestinationStream } from 'pino'

const levels: Readonly<Record<number, string>> = {
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}

/** Fields that every line has and nobody reads. */
const left: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'msg'])

/** Writes the lines of a log for people: `14:03:21 info serving url=http://127.0.0.1:8420`. */
export function readableLines(out: { write(text: string): unknown }): DestinationStream {
  return { write: line => void out.write(`${readableLine(line)}\n`) }
}

function readableLine(line: string): string {
  const record = JSON.parse(line) as { level: number; time: number; msg?: string; [name: string]: unknown }
  const time = new Date(record.time).toTimeString().slice(0, 8)
  const fields = Object.entries(record).flatMap(([name, value]) =>
    left.has(name) || value === undefined ? [] : [`${name}=${fieldText(value)}`],
  )
  return [time, levels[record.level] ?? record.level, record.msg ?? '', ...fields].join(' ')
}

/** An error as its message, then its stack on lines of its own; anything else as JSON without the quotes of words. */
function fieldText(value: unknown): string {
  if (typeof value === 'string') return /^\S+$/.test(value) ? value : JSON.stringify(value)
  if (typeof value === 'object' && value !== null && 'stack' in value) return `\n${String(value.stack)}`
  return JSON.stringify(value)
}
