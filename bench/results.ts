import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { machine } from '../src/benchmark/machine.ts'

export interface BenchOptions {
  /** How often everything is measured; medians are reported. */
  readonly rounds: number
  /** A Python that has torch and diffusers, to measure the same work there. */
  readonly peer: string | undefined
  /** Whether only the smallest of everything is measured: it shows that a bench works, and says nothing of speed. */
  readonly quick: boolean
  /** Of the transformer that `weights` measures. @default 14 of its 30 */
  readonly layers?: number
}

/**
 * Writes the results of a bench under its name into the file of this kind of machine, beside those of other benches.
 * @returns the file
 */
export function saveResults(bench: string, results: object, file = deviceFile()): string {
  const entry = { measured: new Date().toISOString().slice(0, 10), machine: machine(), ...results }
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...existing(file), [bench]: entry }, null, 2)}\n`)
  return file
}

function deviceFile(): string {
  const { cpu, cores } = machine()
  const slug = `${cpu}-${cores}-cores`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return path.join('bench', 'results', `${slug}.json`)
}

function existing(file: string): object {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as object
  } catch {
    return {}
  }
}

/** The middle of the numbers, or between the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A number for a table and for a file: four significant digits. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

/** Prints rows under the names of their fields; numbers to the right. */
export function printTable(title: string, rows: readonly Readonly<Record<string, string | number>>[]): void {
  const columns = Object.keys(rows[0] ?? {})
  const cells = [columns, ...rows.map(row => columns.map(column => String(row[column] ?? '')))]
  const widths = columns.map((_, index) => Math.max(...cells.map(row => row[index]!.length)))
  console.log(title)
  for (const row of cells)
    console.log(`  ${row.map((cell, index) => cell.padStart(widths[index]!)).join('   ')}`)
  console.log()
}
