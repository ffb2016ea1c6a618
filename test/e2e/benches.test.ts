/** `npm run bench`: every bench runs, at the smallest sizes. What it measures so says nothing. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const main = path.join(root, 'dist/bench/main.js')
const scratch = scratchFolder()

async function bench(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...words], { cwd: root })
  return stdout
}

const listed = await bench('--help')
const names = [...listed.matchAll(/^ {2}(\w+) +\S.*\?$/gm)].map(([, name]) => name!)
const hasChromium = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser'].some(
  existsSync,
)

/** A number that each bench ends with. */
const figures: Readonly<Record<string, (results: Results) => unknown>> = {
  denoise: ({ steps, coldStartSeconds }) => steps![0]!.stepMs * coldStartSeconds!,
  studio: ({ firstContentfulPaintMs }) => firstContentfulPaintMs,
  serve: ({ load, memory }) => load!.polls! * memory!.at(-1)!.server!,
  weights: ({ formats }) => formats!.at(-1)!.passSeconds,
}

interface Results {
  readonly steps?: readonly { readonly stepMs: number }[]
  readonly coldStartSeconds?: number
  readonly firstContentfulPaintMs?: number
  readonly load?: Readonly<Record<string, number>>
  readonly memory?: readonly Readonly<Record<string, number>>[]
  readonly formats?: readonly { readonly passSeconds: number }[]
}

describe('npm run bench', () => {
  test('lists its benches, each with a figure that is looked at here', () => {
    expect(names).toEqual(Object.keys(figures))
  })

  test.for(Object.keys(figures))(
    '%s runs to its end and writes what it measured',
    { timeout: 180_000 },
    async (name, { skip }) => {
      skip(name === 'studio' && !hasChromium, 'there is no chromium')
      const json = path.join(scratch, `${name}.json`)
      const text = await bench(name, '--quick', '--rounds', '1', '--json', json)
      expect(text).toContain(`written to ${json}`)
      const results = (JSON.parse(readFileSync(json, 'utf8')) as Record<string, Results>)[name]!
      expect(figures[name]!(results)).toBeGreaterThan(0)
    },
  )
})
