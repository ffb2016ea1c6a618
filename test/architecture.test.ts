/** The architecture as tables, and the checks that hold the code to them. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { families } from '../models/index.ts'
import { cyclesOf, importGraph } from './import-cycles.ts'
import {
  type Import,
  importsOf,
  pathsBelow,
  readSource,
  type SourceFile,
  stringLiterals,
  withoutComments,
} from './source-tree.ts'

/** From the bottom up: a part may import the parts of every layer below its own, and what `sideways` adds. */
const layers = [
  [
    'src/errors.ts',
    'src/notices.ts',
    'src/unfinished-files.ts',
    'src/end-with-parent.ts',
    'src/system-errors.ts',
    'src/schema-issue.ts',
    'src/memoize.ts',
    'src/until-aborted.ts',
    'src/host-memory.ts',
    'src/tensor',
    'src/geometry',
  ],
  ['src/graph', 'src/nn', 'src/weights', 'src/text', 'src/sampling', 'src/media', 'src/hub'],
  ['src/runtime'],
  ['src/pipeline'],
  ['src/engine'],
  ['src/benchmark'],
] as const

/** Imports between parts of one layer, and between encoders. Whatever is not listed is not allowed. */
const sideways: Readonly<Record<string, readonly string[]>> = {
  'src/geometry': ['src/errors.ts', 'src/tensor'],
  'src/tensor': ['src/errors.ts'],
  'src/nn': ['src/graph'],
  // A stored weight says how a graph decodes it, and a scheduler's config which sampler it is of.
  'src/weights': ['src/graph', 'src/sampling'],
  // UMT5 is T5 with a position bias in every layer.
  'models/umt5': ['models/t5'],
  'models/siglip': ['models/clip'],
}

/**
 * Programs: they import the layers below, `src/api` for what is composed of families and backends, and the programs
 * listed here. `src/api` loads them when one is started.
 */
const programs: Readonly<Record<string, readonly string[]>> = {
  'src/jobs': [],
  'src/host': ['src/jobs'],
  'src/server': ['src/jobs', 'src/host'],
  'src/ai-sdk': [],
  'src/studio': ['src/server'],
  'src/eval': [],
  'src/cli': ['src/jobs', 'src/host', 'src/server', 'src/eval'],
}

/** Folders of `models` that families share. Every other one is a family, and families know nothing of each other. */
const encoders = [
  'models/umt5',
  'models/t5',
  'models/clip',
  'models/ltx-vae',
  'models/gemma',
  'models/siglip',
  'models/qwen2',
]

/** What is composed of all families: their networks, and their request fields, which help reads alone. */
const modelLists = ['models/index.ts', 'models/fields.ts']

/** Packages with one home. `lazy` ones are loaded by `import()`, when something is asked for that needs them. */
const packages: Readonly<Record<string, { readonly home: string; readonly lazy?: true }>> = {
  '@electric-sql/pglite': { home: 'src/jobs', lazy: true },
  '@fastify/busboy': { home: 'src/server' },
  '@hono/node-server': { home: 'src/server' },
  '@huggingface/hub': { home: 'src/hub', lazy: true },
  '@huggingface/tokenizers': { home: 'src/text' },
  '@mediabunny/server': { home: 'src/media', lazy: true },
  commander: { home: 'src/cli' },
  entities: { home: 'src/text' },
  'ftfy-js': { home: 'src/text' },
  hono: { home: 'src/server' },
  mediabunny: { home: 'src/media', lazy: true },
  'node-av': { home: 'src/media', lazy: true },
  '#onnxruntime': { home: 'src/runtime' },
  pg: { home: 'src/jobs' },
  piscina: { home: 'src/runtime' },
  preact: { home: 'src/studio' },
  '@preact/signals': { home: 'src/studio' },
  'prom-client': { home: 'src/server' },
  sharp: { home: 'src/media', lazy: true },
}

const forbiddenWords = [
  'util',
  'utils',
  'helper',
  'helpers',
  'misc',
  'common',
  'shared',
  'core',
  'manager',
  'managers',
]

/** Lines a file may have, and those past which it should be looked at. Tables and generated files go in `longFiles`. */
const lineLimit = 500
const linesToLookAt = 300
const longFiles: readonly string[] = []

/** Bytes of the references that a clone brings along. */
const fixtureLimit = 5_000_000

const folders = ['src', 'models', 'kernels', 'bench', 'test'].filter(existsSync)
const paths = folders.flatMap(pathsBelow)
const sources = paths.filter(file => /\.tsx?$/.test(file)).map(readSource)
const checked = sources.filter(({ path }) => !path.startsWith('test/'))

describe('imports', () => {
  test('go down the layers only', () => {
    const wrong = checked.flatMap(file => importsOf(file).flatMap(each => violation(file, each) ?? []))
    expect(wrong).toEqual([])
  })

  test('of a package are in its one home', () => {
    const wrong = checked.flatMap(file => importsOf(file).flatMap(each => packageViolation(file, each) ?? []))
    expect(wrong).toEqual([])
  })

  test('form no cycle among files, whether they are loaded at once or on demand', () => {
    expect(cyclesOf(importGraph(checked))).toEqual([])
  })

  test('of the library load no network before a checkpoint is opened', () => {
    const networks = [...loadedWith('src/index.ts')].filter(path => {
      return /^models\/.*\/(model|transformer|vae|decoder|encoder|vision-encoder)\.ts$/.test(path)
    })
    expect(networks).toEqual([])
  })

  test.each([
    ['two files', { a: ['b'], b: ['a'] }, [['a', 'b']]],
    ['a ring that hangs on another file', { a: ['b'], b: ['c'], c: ['d'], d: ['b'] }, [['b', 'c', 'd']]],
    ['a file that two import', { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, []],
  ])('the rule on cycles: %s', (_, graph, expected) => {
    expect(cyclesOf(new Map(Object.entries(graph)))).toEqual(expected)
  })

  test('are of the parts, never of src/index.ts, which only re-exports them', () => {
    const inward = sources.filter(({ path }) => !/^(test|bench)\//.test(path)).filter(importsIndex)
    expect(inward.map(({ path }) => path)).toEqual([])
    expect(withoutComments(readSource('src/index.ts').text)).toMatch(
      /^\s*(export [^;={}]*\{[^}]*\} from '[^']+'\s*)+$/,
    )
  })

  test('are seen however they are written', () => {
    const text = [
      "import { a } from '../graph/graph.ts'",
      "import type { B } from '../pipeline/family.ts'",
      "import { type C, type D } from './e.ts'",
      "export {\n  type F,\n  g,\n} from '../tensor/tensor.ts'",
      "export * from './h.ts'",
      "import 'sharp'",
      "const load = async () => await import('mediabunny')",
      "type Sharp = typeof import('sharp')",
      "// import { no } from './comment.ts'",
    ].join('\n')
    const seen = importsOf({ path: 'src/nn/x.ts', text })
    expect(seen.map(({ target, typeOnly, dynamic }) => [target, typeOnly, dynamic])).toEqual([
      ['src/graph/graph.ts', false, false],
      ['src/pipeline/family.ts', true, false],
      ['src/nn/e.ts', true, false],
      ['src/tensor/tensor.ts', false, false],
      ['src/nn/h.ts', false, false],
      ['sharp', false, false],
      ['mediabunny', false, true],
      ['sharp', true, true],
    ])
  })

  test.each([
    ['src/nn/a.ts', 'src/graph/graph.ts', false, true],
    ['src/graph/a.ts', 'src/nn/linear.ts', false, false],
    ['src/weights/a.ts', 'src/graph/graph.ts', true, true],
    ['src/graph/a.ts', 'src/weights/scope.ts', true, false],
    ['src/runtime/a.ts', 'src/engine/engine.ts', false, false],
    ['src/engine/a.ts', 'models/wan/family.ts', false, false],
    ['src/cli/a.ts', 'src/index.ts', false, false],
    ['src/cli/a.ts', 'src/engine/engine.ts', false, true],
    ['src/cli/a.ts', 'src/api/engine.ts', false, true],
    ['src/engine/a.ts', 'src/api/engine.ts', false, false],
    ['src/cli/a.ts', 'models/index.ts', false, false],
    ['src/cli/a.ts', 'src/server/serve.ts', true, true],
    ['src/cli/a.ts', 'src/server/serve.ts', false, false],
    ['src/server/a.ts', 'src/jobs/task.ts', false, true],
    ['src/jobs/a.ts', 'src/server/serve.ts', false, false],
    ['src/api/a.ts', 'src/server/serve.ts', true, true],
    ['src/api/a.ts', 'src/server/serve.ts', false, false],
    ['src/api/a.ts', 'src/cli/main.ts', true, false],
    ['src/index.ts', 'src/api/engine.ts', false, true],
    ['src/index.ts', 'src/server/serve.ts', false, false],
    ['models/wan/a.ts', 'models/umt5/encoder.ts', false, true],
    ['models/ltx/a.ts', 'models/wan/vae.ts', false, false],
    ['models/umt5/a.ts', 'models/t5/encoder.ts', false, true],
    ['models/t5/a.ts', 'models/umt5/encoder.ts', false, false],
    ['models/wan/a.ts', 'src/pipeline/family.ts', true, true],
    ['models/wan/a.ts', 'src/pipeline/family.ts', false, false],
    ['models/wan/a.ts', 'src/pipeline/generate.ts', true, false],
    ['models/wan/fields.ts', 'src/pipeline/fields/field.ts', false, true],
    ['models/wan/a.ts', 'src/pipeline/fields/field.ts', true, false],
    ['models/fields.ts', 'models/wan/fields.ts', false, true],
    ['models/fields.ts', 'models/wan/family.ts', false, false],
    ['src/cli/a.ts', 'models/fields.ts', false, false],
    ['models/wan/a.ts', 'kernels/sparse/op.ts', false, true],
    ['models/wan/a.ts', 'kernels/sparse/reference.ts', false, false],
    ['kernels/sparse/op.ts', 'src/nn/linear.ts', false, false],
    ['src/nn/a.ts', 'kernels/sparse/op.ts', false, true],
    ['src/nn/a.ts', 'kernels/sparse/reference.ts', false, false],
    ['src/sampling/a.ts', 'models/index.ts', false, false],
    ['src/index.ts', 'models/index.ts', false, false],
    ['src/api/a.ts', 'models/index.ts', false, true],
    ['bench/a.ts', 'src/graph/graph.ts', false, true],
    ['src/studio/a.tsx', 'src/server/framewright/contract.ts', true, true],
    ['src/studio/a.tsx', 'src/server/framewright/contract.ts', false, false],
    ['src/studio/a.tsx', 'src/pipeline/request.ts', false, false],
    ['src/server/a.ts', 'src/studio/main.tsx', false, false],
  ])('the rules: %s → %s, types only: %s, allowed: %s', (from, target, typeOnly, allowed) => {
    const found = violation({ path: from, text: '' }, { target, inside: true, typeOnly, dynamic: false })
    expect(found === undefined).toBe(allowed)
  })
})

describe('files', () => {
  test('are named by what they hold', () => {
    const words = (file: string) => file.split('/').flatMap(name => name.toLowerCase().split(/[-_.]/))
    expect(paths.filter(file => words(file).some(word => forbiddenWords.includes(word)))).toEqual([])
  })

  test('are in kebab case', () => {
    const names = sources
      .map(({ path }) => path)
      .filter(file => !/^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+([-.][a-z0-9]+)*\.tsx?$/.test(file))
    expect(names).toEqual([])
  })

  test(`have at most ${lineLimit} lines`, () => {
    const counted = paths
      .filter(file => /\.(tsx?|css|py|cu|cc)$/.test(file) && !longFiles.includes(file))
      .map(file => ({ file, lines: readSource(file).text.split('\n').length - 1 }))
    for (const { file, lines } of counted.filter(each => each.lines > linesToLookAt)) {
      console.info(`${file}: ${lines} lines. Look for the second thing it does.`)
    }
    expect(counted.filter(each => each.lines > lineLimit)).toEqual([])
  })

  test(`of references are at most ${fixtureLimit / 1e6} MB together`, () => {
    const entries = readdirSync('test/fixtures', { recursive: true, withFileTypes: true })
    const sizes = entries
      .filter(entry => entry.isFile())
      .map(entry => statSync(`${entry.parentPath}/${entry.name}`).size)
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(fixtureLimit)
  })

  test('have no default export', () => {
    const wrong = sources.filter(({ text }) => /^export default\b|^export \{[^}]*\bas default\b/m.test(text))
    expect(wrong.map(({ path }) => path)).toEqual([])
  })
})

describe('words', () => {
  /** Phrases that a reader of the field has to translate, and what stands for them. */
  const phrases: readonly (readonly [RegExp, string])[] = [
    [/unless given/, '@default, or "by default"'],
    [/\bone an? (core|device|layer|lane|file)\b/, 'one per …'],
    [
      /\b(letsGo|broughtIn|readOut|stirHeld|steppedApart|standstill|RunValues|WorkerSigns|mayPass)\b/,
      'the plain term',
    ],
  ]

  test.each(phrases)('%s is not among them: %s', phrase => {
    const own = 'test/architecture.test.ts'
    const found = sources
      .filter(({ path, text }) => path !== own && phrase.test(text))
      .map(({ path }) => path)
    expect(found).toEqual([])
  })
})

describe('shared code', () => {
  const named = new Set([
    ...families.flatMap(family => [family.name, ...family.pipelines]),
    ...readdirSync('models').filter(folder => existsSync(`models/${folder}/family.ts`)),
  ])

  test('never asks which family it has: no literal is the name of one', () => {
    const wrong = checked
      .filter(({ path }) => path.startsWith('src/'))
      .flatMap(file =>
        stringLiterals(file)
          .filter(asksFamily)
          .map(literal => `${file.path}: ${literal}`),
      )
    expect(wrong).toEqual([])
  })

  test.each(["family === 'wan'", "name.includes('Wan')", "'WanPipeline'", '`wan-large`'])(
    'the rule finds %s',
    text => {
      expect(stringLiterals({ path: '', text }).some(asksFamily)).toBe(true)
    },
  )

  test.each(["'Wan-AI/Wan2.1-T2V-1.3B-Diffusers'", "'such as Wan 2.1'", "'want'", "// 'wan'"])(
    'the rule lets %s pass: an address, a sentence, another word, a comment',
    text => {
      expect(stringLiterals({ path: '', text }).some(asksFamily)).toBe(false)
    },
  )

  test('has no field that only one family takes', () => {
    const own = families.flatMap(({ fields }) => Object.entries(fields))
    const names = own.flatMap(([name, { flag }]) => [name, ...(flag ? [flag.name] : [])])
    expect(names).toContain('decodeTimestep')
    expect(names).toContain('--control-scale')
    const found = checked
      .filter(({ path }) => path.startsWith('src/'))
      .flatMap(({ path, text }) =>
        names.filter(name => hasWord(withoutComments(text), name)).map(name => `${path}: ${name}`),
      )
    expect(found).toEqual([])
  })

  test.each([
    ['plan.imageNoiseScale ?? 0', true],
    ["'--image-noise-scale'", true],
    ['imageNoiseScales', false],
  ])('the rule on fields: %s, found: %s', (text, expected) => {
    expect(['imageNoiseScale', '--image-noise-scale'].some(name => hasWord(text, name))).toBe(expected)
  })

  function hasWord(text: string, word: string): boolean {
    return text.split(/[^\w$-]+/).includes(word)
  }

  function asksFamily(literal: string): boolean {
    const sentenceOrAddress = /\s|^[\w.-]+\/[\w.-]+$/.test(literal)
    const words = literal.toLowerCase().split(/[^a-z0-9]+/)
    return !sentenceOrAddress && [...named].some(name => words.includes(name.toLowerCase()))
  }
})

function importsIndex(file: SourceFile): boolean {
  return importsOf(file).some(({ target }) => target === 'src/index.ts')
}

/** The part of the project that a file belongs to: two levels deep, `bench` and `kernels` as a whole. */
function partOf(file: string): string {
  const [top, second] = file.split('/')
  return top === 'bench' || top === 'kernels' ? top : `${top}/${second}`
}

function violation(file: SourceFile, { target, inside, typeOnly, dynamic }: Import): string | undefined {
  if (!inside || partOf(file.path) === partOf(target)) return undefined
  const onDemand = dynamic || typeOnly
  return mayImport(file.path, target, typeOnly, onDemand) ? undefined : `${file.path} imports ${target}`
}

function mayImport(file: string, target: string, typeOnly: boolean, onDemand: boolean): boolean {
  const from = partOf(file)
  const to = partOf(target)
  if (from === 'bench') return true
  if (target === 'src/index.ts') return false
  const startable = to in programs && to !== 'src/cli'
  if (from === 'src/api') return modelLists.includes(to) || layerOf(to) >= 0 || (startable && onDemand)
  if (from === 'src/index.ts') return to === 'src/api' || layerOf(to) >= 0 || (startable && typeOnly)
  if (from === 'models/fields.ts') return typeOnly || /^models\/[^/]+\/fields\.ts$/.test(target)
  if (from === 'models/index.ts') return typeOnly ? target === 'src/pipeline/family.ts' : isFamily(to)
  // It runs in browsers: of the rest it knows the types of what goes over the wire.
  if (from === 'src/studio') return typeOnly && to === 'src/server'
  const allowedPrograms = programs[from]
  if (allowedPrograms !== undefined) {
    if (to === 'src/api' || layerOf(to) >= 0) return true
    return allowedPrograms.includes(to) && (from !== 'src/cli' || typeOnly)
  }
  if (from === 'kernels') return layerOf(to) === 0 || to === 'src/graph'
  if (from === 'src/nn' && kernelOp.test(target)) return true
  if (from.startsWith('models/')) {
    if (layerOf(to) === 0 || layerOf(to) === 1) return true
    // A family's request fields are records of the same kind as those of all models.
    if (target.startsWith('src/pipeline/fields/')) return file === `${from}/fields.ts`
    // The contract of a family, and of the parts of a model that encoders are.
    if (typeOnly && target === 'src/pipeline/family.ts') return true
    if (encoders.includes(from)) return sideways[from]?.includes(to) ?? false
    return encoders.includes(to) || kernelOp.test(target)
  }
  if (layerOf(from) < 0 || layerOf(to) < 0) return false
  return layerOf(to) < layerOf(from) || (sideways[from]?.includes(to) ?? false)
}

/** A kernel's op at graph build: what models and their layers call. */
const kernelOp = /^kernels\/[^/]+\/op\.ts$/

function layerOf(part: string): number {
  return layers.findIndex(layer => (layer as readonly string[]).includes(part))
}

function isFamily(part: string): boolean {
  return part.startsWith('models/') && !encoders.includes(part)
}

function packageViolation(
  file: SourceFile,
  { target, inside, typeOnly, dynamic }: Import,
): string | undefined {
  if (inside || target.startsWith('node:') || file.path.startsWith('bench/')) return undefined
  const name = target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/')
  const rule = packages[name]
  if (rule === undefined) return undefined
  if (partOf(file.path) !== rule.home) return `${file.path} imports ${name}, which is for ${rule.home}`
  if (rule.lazy && !dynamic && !typeOnly) return `${file.path} loads ${name} without being asked`
  return undefined
}

/** The files that run when a file is imported. */
function loadedWith(entry: string): Set<string> {
  const files = new Map(checked.map(file => [file.path, file]))
  const loaded = new Set<string>()
  const visit = (path: string) => {
    const file = files.get(path)
    if (!file || loaded.has(path)) return
    loaded.add(path)
    for (const each of importsOf(file)) if (!each.typeOnly && !each.dynamic) visit(each.target)
  }
  visit(entry)
  return loaded
}
