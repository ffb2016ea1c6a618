import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, totalmem } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export interface BenchOptions {
  /** How often everything is measured; medians are reported. */
  readonly rounds: number
  /** A Python that has torch and diffusers, to measure the same work there. */
  readonly peer: string | undefined
}

/** What a number has to be read with. */
export function machine() {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    node: process.versions.node,
    onnxruntime: version,
  }
}

/** Whether other work takes so much of the machine that times would say more about it than about what is measured. */
export async function isBusy(): Promise<boolean> {
  const ticks = () =>
    cpus().reduce(
      ({ idle, all }, { times }) => ({
        idle: idle + times.idle,
        all: all + Object.values(times).reduce((a, b) => a + b),
      }),
      { idle: 0, all: 0 },
    )
  const before = ticks()
  await delay(1000)
  const after = ticks()
  return (after.idle - before.idle) / (after.all - before.all) < 0.8
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
