/** `npm run path -- wan`: the files that a text-to-video run goes through, from prompt to pixels, and their lines. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { takeCoverage } from 'node:v8'
import { createEngine } from '../src/api/engine.ts'
import { packageFolder } from '../src/engine/package-info.ts'
import { referenceModel } from './reference-model.ts'

/** A small model of a family, with random weights. */
const models: Readonly<Record<string, () => Promise<string>>> = { wan: referenceModel }

/** Parts whose functions say by their names what they do: they are looked up, not read. */
const libraries =
  /^src\/(?:tensor|geometry|graph|nn|weights|text|media|hub|[\w-]+\.ts$)|^models\/(?:t5|umt5|clip)\//

/** What V8 writes of the scripts of a thread since it last did. */
interface Coverage {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly {
      readonly functionName: string
      readonly ranges: readonly { readonly count: number }[]
    }[]
  }[]
}

const root = packageFolder()
const [name = '', running] = process.argv.slice(2)
const model = models[name]
if (model === undefined) {
  console.error(`npm run path -- <family>: ${Object.keys(models).join(' or ')}`)
  process.exitCode = 2
} else if (running === 'running') {
  await run(await model())
} else {
  print(filesOf(name))
}

/** Makes a small video, and has V8 write at every event what was called before it. */
async function run(folder: string): Promise<void> {
  takeCoverage() // What was called while modules were loaded is none of the run's.
  const engine = await createEngine({ model: folder, device: 'cpu', threads: 1 })
  takeCoverage()
  const { geometry } = engine.facts
  const side = 2 * geometry.spatialStride * Math.max(...geometry.patch)
  const size = { width: side, height: side, frames: geometry.temporalStride + 1 }
  for await (const _ of engine.generate({ prompt: 'a red ball', steps: 2, seed: 1, ...size })) takeCoverage()
  await engine[Symbol.asyncDispose]()
}

/** Files with a function that was called, in the order of their first call. */
function filesOf(family: string): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'framewright-path-'))
  try {
    const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), family, 'running'], {
      env: { ...process.env, NODE_V8_COVERAGE: folder },
      stdio: 'inherit',
    })
    if (status !== 0) throw new Error(`path: expected a run that ends well, got status ${status}.`)
    const [, ...written] = readdirSync(folder).sort((a, b) => order(a) - order(b))
    return [...new Set(written.flatMap(file => called(path.join(folder, file))))]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** `coverage-<process>-<milliseconds>-<number>.json` */
function order(file: string): number {
  return Number(file.split('-')[2])
}

function called(file: string): string[] {
  const { result } = JSON.parse(readFileSync(file, 'utf8')) as Coverage
  return result
    .filter(({ functions }) =>
      functions.some(({ functionName, ranges }) => functionName !== '' && ranges[0]!.count > 0),
    )
    .map(({ url }) =>
      path.relative(path.join(root, 'dist'), url.startsWith('file:') ? fileURLToPath(url) : url),
    )
    .filter(each => /^(src|models)\//.test(each))
    .map(each => each.replace(/\.js$/, '.ts'))
}

function print(files: readonly string[]): void {
  const read = files.filter(file => !libraries.test(file))
  for (const file of read) console.log(`${String(lines(file)).padStart(5)}  ${file}`)
  console.log(`${String(total(read)).padStart(5)}  lines of ${read.length} files from prompt to pixels`)
  const used = files.filter(file => libraries.test(file))
  console.log(`${String(total(used)).padStart(5)}  lines of ${used.length} files of libraries below`)
}

function total(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + lines(file), 0)
}

function lines(file: string): number {
  return readFileSync(path.join(root, file), 'utf8').split('\n').length - 1
}
