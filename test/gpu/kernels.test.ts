/** Every kernel beside its reference, through the native backend: on the CPU, and on a GPU where there is one. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kernelErrors } from '../../bench/gpu/kernel-errors.ts'
import { decoderErrors } from '../../bench/gpu/reference-errors.ts'
import { gatedResidual } from '../../kernels/gated-residual/op.ts'
import { linearLayer } from '../../kernels/linear/op.ts'
import { normModulate } from '../../kernels/norm-modulate/op.ts'
import { qkNormRope } from '../../kernels/qk-norm-rope/op.ts'
import { residualNorm } from '../../kernels/residual-norm/op.ts'
import { wanTransformerConfig } from '../../models/wan/config.ts'
import { wanContext } from '../../models/wan/context.ts'
import { wanTransformer } from '../../models/wan/transformer.ts'
import { messageOf } from '../../src/errors.ts'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { reshape, slice } from '../../src/graph/ops/layout.ts'
import { serialize } from '../../src/graph/serialize.ts'
import type { GraphModel } from '../../src/runtime/backend.ts'
import type { Device } from '../../src/runtime/device.ts'
import { parseDevice } from '../../src/runtime/device.ts'
import { NativeBackend } from '../../src/runtime/native-backend.ts'
import { builtKernels } from '../../src/runtime/native-parts.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { relativeError } from '../compare.ts'
import { buildAddon, noAddon } from '../contract/native-addon.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { wanFeeds } from '../wan-feeds.ts'
import { buildKernels, noKernels } from './kernel-library.ts'

const missing = noKernels ?? noAddon
const reason = missing ? ` (skipped: ${missing})` : ''
if (missing) console.warn(`the kernels are not tested: ${missing}`)

/** Why nothing can be run on a GPU here, or undefined. */
const noGpu = (() => {
  try {
    parseDevice('cuda')
    return undefined
  } catch (error) {
    return messageOf(error)
  }
})()
if (noGpu && !missing) console.warn(`the kernels are not run on a GPU: ${noGpu}`)

interface Sizes {
  readonly batch: number
  readonly tokens: number
  readonly heads: number
  readonly headDim: number
  /** Angles of a token: half a head, or half the width. */
  readonly tables: 'head' | 'width'
}

const cases: readonly (readonly [about: string, sizes: Sizes])[] = [
  ['angles that all heads share', { batch: 2, tokens: 5, heads: 3, headDim: 16, tables: 'head' }],
  ['angles for every head', { batch: 2, tokens: 5, heads: 3, headDim: 16, tables: 'width' }],
  ['pairs that fill no vector', { batch: 1, tokens: 7, heads: 3, headDim: 6, tables: 'head' }],
  ['the width of a 14B model', { batch: 1, tokens: 3, heads: 40, headDim: 128, tables: 'head' }],
]

/** Numbers of no pattern, of both signs. */
function filler(shape: readonly number[], seed: number): Tensor<'f32'> {
  const count = shape.reduce((product, dim) => product * dim, 1)
  const at = (index: number) => Math.sin(index * 1.7 + seed * 0.9 + 0.3) * (1 + (index % 7))
  return tensor(
    'f32',
    shape,
    Float32Array.from({ length: count }, (_, index) => at(index)),
  )
}

function feedsOf({ batch, tokens, heads, headDim, tables }: Sizes): Record<string, Tensor> {
  const width = heads * headDim
  const pairs = tables === 'head' ? headDim / 2 : width / 2
  const angles = filler([batch, tokens, pairs], 5)
  const turned = (turn: (angle: number) => number) => tensor('f32', angles.shape, angles.data.map(turn))
  return {
    query: filler([batch, tokens, width], 1),
    key: filler([batch, tokens, width], 2),
    'query.scale': filler([width], 3),
    'key.scale': filler([width], 4),
    cos: turned(Math.cos),
    sin: turned(Math.sin),
  }
}

/** A graph of the op alone, f32 at its border. */
function graphOf(feeds: Record<string, Tensor>, headDim: number, precision: FloatDType, kernels: string[]) {
  const graph = new Graph('normalised and turned', { precision, kernels: new Set(kernels) })
  const input = (name: string) => graph.input(name, 'f32', feeds[name]!.shape)
  const inner = (name: string) => cast(input(name), precision)
  const projected = { query: inner('query'), key: inner('key') }
  const scales = { query: inner('query.scale'), key: inner('key.scale') }
  const rotary = { cos: input('cos'), sin: input('sin') }
  const { query, key } = qkNormRope(projected, scales, rotary, { epsilon: 1e-6, headDim })
  graph.output('rotated.query', cast(query, 'f32'))
  graph.output('rotated.key', cast(key, 'f32'))
  return graph
}

/** Rows, an update of them, and scale, shift and gate of every frame. */
function rowFeeds(shape: readonly [number, number, number, number]): Record<string, Tensor> {
  const perFrame = shape.with(2, 1)
  return {
    ...{ x: filler(shape, 1), update: filler(shape, 2) },
    ...{ scale: filler(perFrame, 3), shift: filler(perFrame, 4), gate: filler(perFrame, 5) },
  }
}

type RowGraph = (precision: FloatDType, kernels: ReadonlySet<string>, feeds: Record<string, Tensor>) => Graph

/** A graph of one op on rows, f32 at its border. */
function rowGraph(
  build: (inner: (name: string) => Value, outer: (name: string) => Value) => Value,
): RowGraph {
  return (precision, kernels, feeds) => {
    const graph = new Graph('rows', { precision, kernels })
    const inputs = new Map(
      Object.entries(feeds).map(([name, { shape }]) => [name, graph.input(name, 'f32', shape)]),
    )
    const outer = (name: string) => inputs.get(name)!
    graph.output(
      'y',
      cast(
        build(name => cast(outer(name), precision), outer),
        'f32',
      ),
    )
    return graph
  }
}

function ofResidual(inner: (name: string) => Value, outer: (name: string) => Value) {
  const residual = { rows: inner('x'), update: inner('update'), gate: outer('gate') }
  const modulation = { scale: outer('scale'), shift: outer('shift') }
  return residualNorm(residual, modulation, { norm: 'layer', epsilon: 1e-6, offset: 1 })
}

const rowCases: readonly (readonly [kernel: string, graph: RowGraph])[] = [
  [
    'norm-modulate',
    rowGraph((inner, outer) =>
      normModulate(
        inner('x'),
        { scale: outer('scale'), shift: outer('shift') },
        { norm: 'layer', epsilon: 1e-6, offset: 1 },
      ),
    ),
  ],
  [
    'linear',
    rowGraph(inner => {
      const x = inner('x')
      const weight = reshape(inner('update'), [2 * 3 * 5, 48])
      const bias = reshape(slice(slice(slice(inner('x'), 1, 0, 1), 3, 0, 15), 2, 0, 1), [2 * 15])
      return linearLayer(x, { weight, bias, gelu: true })
    }),
  ],
  ['gated-residual', rowGraph((inner, outer) => gatedResidual(inner('x'), inner('update'), outer('gate')))],
  ['residual-norm', rowGraph((...inputs) => ofResidual(...inputs).rows)],
  ['residual-norm', rowGraph((...inputs) => ofResidual(...inputs).normalized)],
]

function modelOf(graph: Graph): GraphModel {
  const bytes = serialize(graph, { locate: file => file.slice(1) })
  return { name: graph.name, bytes, weightsFolder: '/', weightBytes: 0 }
}

describe.skipIf(missing)(`our own kernels${reason}`, () => {
  let folder: string
  let library: string

  beforeAll(async () => {
    await Promise.all([buildAddon(), buildKernels()])
    folder = mkdtempSync(path.join(tmpdir(), 'framewright-kernels-'))
    library = builtKernels()!.file
  })
  afterAll(() => {
    if (folder) rmSync(folder, { recursive: true })
  })

  /** Opens a graph, runs it once, and closes everything. */
  async function runNative(graph: Graph, feeds: Record<string, Tensor>, device: Device = { type: 'cpu' }) {
    const backend = new NativeBackend({ device, threads: 1, kernels: builtKernels() })
    try {
      const session = await backend.open(modelOf(graph))
      return (await session.run(feeds)).tensors
    } finally {
      await backend[Symbol.asyncDispose]()
    }
  }

  test('are machine code for Hopper and both kinds of Blackwell, and PTX for the others', () => {
    const compiledFiles = readdirSync(path.dirname(library)).filter(file => file.endsWith('.fatbin'))
    const targets = Object.fromEntries(
      compiledFiles.map(file => {
        const bytes = readFileSync(path.join(path.dirname(library), file))
        return [path.basename(file, '.fatbin'), fatBinaryTargets(bytes)]
      }),
    )
    const compiled = ['machine code 90', 'machine code 100', 'machine code 120', 'PTX 75']
    expect(targets).toEqual({
      'gated-residual': compiled,
      linear: compiled,
      'norm-modulate': compiled,
      'norm-silu-windows': compiled,
      'qk-norm-rope': compiled,
      'residual-norm': compiled,
      'round-norm': compiled,
      'round-rows': compiled,
      'round-sums': compiled,
    })
  })

  test('are all in the library, under the names of their folders', () => {
    const folders = readdirSync('kernels').filter(name => existsSync(`kernels/${name}/operator.cc`))
    expect([...builtKernels()!.kernels].sort()).toEqual(folders.sort())
    expect(builtKernels(folder)).toBeUndefined()
  })

  test('can be registered where there is no library of CUDA: they open the driver when they are used', () => {
    const needed = execFileSync('readelf', ['-d', library], { encoding: 'utf8' }).match(/lib[\w.+-]+\.so/g)
    expect(needed!.filter(name => /cu(da|rt|blas|dnn)/.test(name))).toEqual([])
  })

  test.each(cases)('give on the CPU what the reference gives: %s', async (_, sizes) => {
    const feeds = feedsOf(sizes)
    const graph = graphOf(feeds, sizes.headDim, 'f32', ['qk-norm-rope'])
    expect(graph.nodes.filter(({ domain }) => domain === 'framewright').map(({ op }) => op)).toEqual([
      'QkNormRope',
    ])
    const [own, reference] = [
      await runNative(graph, feeds),
      await runNative(graphOf(feeds, sizes.headDim, 'f32', []), feeds),
    ]
    for (const name of ['rotated.query', 'rotated.key']) {
      expect(own[name]!.shape).toEqual(reference[name]!.shape)
      const values = [own, reference].map(each => each[name]!.data as Float32Array) as [
        Float32Array,
        Float32Array,
      ]
      expect(relativeError(...values)).toBeLessThan(1e-6)
    }
    expect(
      relativeError(own['rotated.query']!.data as Float32Array, own['rotated.key']!.data as Float32Array),
    ).toBeGreaterThan(0.1)
  })

  const onGpu = noGpu ? ` (skipped: ${noGpu})` : ''
  describe.skipIf(noGpu)(`on a GPU${onGpu}`, () => {
    /** The reference rounds between the norm and the rotation, the kernel does not. */
    const tolerances = { f32: 2e-6, f16: 1e-3, bf16: 1e-2 } as const
    const dtypes = Object.keys(tolerances) as (keyof typeof tolerances)[]

    test.each(cases.flatMap(([about, sizes]) => dtypes.map(dtype => [about, dtype, sizes] as const)))(
      'give what the reference gives: %s, in %s',
      async (_, dtype, sizes) => {
        const feeds = feedsOf(sizes)
        const device = { type: 'cuda', index: 0 } as const
        const own = await runNative(graphOf(feeds, sizes.headDim, dtype, ['qk-norm-rope']), feeds, device)
        const exact = await runNative(graphOf(feeds, sizes.headDim, 'f32', []), feeds)
        for (const name of ['rotated.query', 'rotated.key']) {
          const error = relativeError(own[name]!.data as Float32Array, exact[name]!.data as Float32Array)
          expect(error).toBeLessThan(tolerances[dtype])
        }
      },
    )
  })

  describe.each(rowCases)('%s', (kernel, rowGraph) => {
    const feeds = rowFeeds([2, 3, 5, 48])

    test('gives on the CPU what the reference gives', async () => {
      const graph = rowGraph('f32', new Set([kernel]), feeds)
      expect(graph.nodes.filter(({ domain }) => domain === 'framewright')).toHaveLength(1)
      const [own, reference] = [
        await runNative(graph, feeds),
        await runNative(rowGraph('f32', new Set(), feeds), feeds),
      ]
      const values = [own, reference].map(({ y }) => y!.data as Float32Array)
      expect(relativeError(values[0]!, values[1]!)).toBeLessThan(1e-6)
      expect(relativeError(values[0]!, feeds.x!.data as Float32Array)).toBeGreaterThan(0.1)
    })

    test.skipIf(noGpu)(
      `gives on a GPU what the reference gives${noGpu ? ` (skipped: ${noGpu})` : ''}`,
      async () => {
        const device = { type: 'cuda', index: 0 } as const
        const exact = (await runNative(rowGraph('f32', new Set(), feeds), feeds)).y!.data as Float32Array
        for (const [dtype, tolerance] of [
          ['f32', 2e-6],
          ['f16', 1e-3],
          ['bf16', 1e-2],
        ] as const) {
          const { y } = await runNative(rowGraph(dtype, new Set([kernel]), feeds), feeds, device)
          expect(relativeError(y!.data as Float32Array, exact)).toBeLessThan(tolerance)
        }
      },
    )
  })

  test('give in every row what the reference gives, as the kit for a GPU checks it', async () => {
    await using backend = new NativeBackend({ device: { type: 'cpu' }, threads: 1, kernels: builtKernels() })
    const errors = await kernelErrors(backend, { tokens: 24, width: 256, windows: 4, frames: 3 })
    expect(Object.keys(errors)).toEqual([
      'qk-norm-rope, query',
      'qk-norm-rope, key',
      'norm-modulate, rows',
      'gated-residual, rows',
      'norm-silu-windows, channels',
      'norm-silu-windows, places',
      'residual-norm, sum',
      'residual-norm, norm',
      'round-rows, rows',
      'round-norm, rows',
      'round-norm, after a sum',
      'round-sums, rows',
      'round-sums, after GELU',
      'linear, rows',
      'linear, after GELU',
      'linear, in fp8',
    ])
    for (const error of Object.values(errors)) expect(error).toBeLessThan(1e-5)
  })

  test('say which shapes they take', async () => {
    const feeds = feedsOf({ batch: 1, tokens: 3, heads: 2, headDim: 8, tables: 'head' })
    const graph = new Graph('misfit', { precision: 'f32', kernels: new Set(['qk-norm-rope']) })
    const [query, key] = ['query', 'key'].map(name => graph.input(name, 'f32', [1, 'tokens', 16]))
    const [first, second] = ['query.scale', 'key.scale'].map(name => graph.input(name, 'f32', [16]))
    const [cos, sin] = ['cos', 'sin'].map(name => graph.input(name, 'f32', [1, 'tokens', 4]))
    const options = { epsilon: 1e-6, headDim: 8 }
    const rotated = qkNormRope(
      { query: query!, key: key! },
      { query: first!, key: second! },
      { cos: cos!, sin: sin! },
      options,
    )
    graph.output('q', rotated.query)
    const short = { ...feeds, cos: filler([1, 2, 4], 1), sin: filler([1, 2, 4], 1) }
    await expect(runNative(graph, short)).rejects.toThrow(
      /tables of a row a token, whose pairs divide the width/,
    )
  })

  test('are refused by a session without the library', async () => {
    const feeds = feedsOf({ batch: 1, tokens: 3, heads: 2, headDim: 8, tables: 'head' })
    const backend = new NativeBackend({ device: { type: 'cpu' }, threads: 1 })
    const graph = graphOf(feeds, 8, 'f32', ['qk-norm-rope'])
    await expect(backend.open(modelOf(graph))).rejects.toThrow(/QkNormRope/)
    await backend[Symbol.asyncDispose]()
  })

  test('leave a decoded clip what diffusers gives', async () => {
    await using backend = new NativeBackend({ device: { type: 'cpu' }, threads: 1, kernels: builtKernels() })
    const { clip } = await decoderErrors(backend)
    expect(clip).toBeLessThan(1e-5)
  })

  const golden = 'wan21-t2v'
  test.skipIf(!hasFixture(`${golden}/case-1.json`))(
    'leave the velocity of a transformer what diffusers gives',
    async () => {
      const source = fixture(`${golden}/model/transformer`)
      const config = wanTransformerConfig.parse(JSON.parse(await readFile(`${source}/config.json`, 'utf8')))
      const reference = readFixtureTensors(fixture(`${golden}/case-1.safetensors`))
      const ledger = new WeightLedger(await openWeights(source))
      const context = wanContext(config, ledger.graph('context'), 'f32')
      const { kernels } = builtKernels()!
      const transformer = wanTransformer(config, ledger.graph('transformer'), 'f32', { kernels })
      expect(transformer.nodes.filter(({ op }) => op === 'QkNormRope')).toHaveLength(config.num_layers)
      expect(transformer.nodes.filter(({ op }) => op === 'RotaryEmbedding')).toEqual([])
      // Every sum is one with the norm of it; only the first norm has no sum before it.
      const count = (name: string) => transformer.nodes.filter(({ op }) => op === name).length
      expect(config.cross_attn_norm).toBe(true)
      expect(count('ResidualNorm')).toBe(3 * config.num_layers)
      expect([count('NormModulate'), count('GatedResidual')]).toEqual([1, 0])

      const latents = reference.get('step_000.model_input')!
      const timestep = Number(reference.get('step_000.timestep')!.data[0])
      const result = await runNative(transformer, {
        ...(await runNative(context, { text: reference.get('prompt_embeds')! })),
        ...wanFeeds(config, latents, timestep),
      })
      const expected = reference.get('step_000.noise_pred_cond')!
      const error = relativeError(result.velocity!.data as Float32Array, expected.data as Float32Array)
      expect(error).toBeLessThan(1e-5)
    },
  )
})

test('the library says what it needs where there is no compiler of CUDA', () => {
  const script = 'kernels/library/build.sh'
  const env = { ...process.env, NVCC: '/nowhere/nvcc' }
  const build = () => execFileSync('bash', [script], { env, stdio: 'pipe' })
  expect(build).toThrow(
    /build:kernels: expected CUDA's compiler, got no \/nowhere\/nvcc\. Install the CUDA toolkit 13/,
  )
})

/** What a fat binary of nvcc holds, by the headers of its parts. */
function fatBinaryTargets(bytes: Buffer): string[] {
  const [magic, headerBytes, partsBytes] = [
    bytes.readUInt32LE(0),
    bytes.readUInt16LE(6),
    bytes.readBigUInt64LE(8),
  ]
  expect(magic).toBe(0xba55ed50)
  const targets: string[] = []
  for (let at = headerBytes; at < headerBytes + Number(partsBytes); ) {
    const kind = bytes.readUInt16LE(at) === 1 ? 'PTX' : 'machine code'
    targets.push(`${kind} ${bytes.readUInt32LE(at + 28)}`)
    at += bytes.readUInt32LE(at + 4) + Number(bytes.readBigUInt64LE(at + 8))
  }
  return targets
}
