/** ONNX Runtime with its CUDA provider on stand-ins for the GPU's libraries, in processes of their own. */
import { execFileSync } from 'node:child_process'
import { cpSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { afterAll } from 'vitest'
import { ownPlace } from '../../src/engine/provider-package.ts'
import { setupCuda } from '../../src/engine/setup-cuda.ts'
import { setupTensorRt } from '../../src/engine/setup-tensorrt.ts'
import { messageOf } from '../../src/errors.ts'
import { castOnce } from '../../src/graph/cast-once.ts'
import { evaluateDim } from '../../src/graph/dims.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { serialize } from '../../src/graph/serialize.ts'
import { weightBytesOf } from '../../src/graph/session-memory.ts'
import type { GraphModel } from '../../src/runtime/backend.ts'
import { providerLibraries, runtimeFolder } from '../../src/runtime/cuda-provider.ts'
import { openConfig } from '../../src/runtime/native-config.ts'
import { addonFile, type KernelLibrary } from '../../src/runtime/native-parts.ts'
import { foldLimitBytes, sessionConfig } from '../../src/runtime/session-config.ts'
import { engineFolder, type InputShapes, type TensorRtOptions } from '../../src/runtime/tensorrt-options.ts'
import { locateTensorRtLibraries, tensorRtProvider } from '../../src/runtime/tensorrt-provider.ts'
import { madeOnce } from '../made-once.ts'
import { ProviderProcess } from './provider-process.ts'
import { buildStandIns, buildTensorRtStandIns } from './stand-in.ts'

export interface CudaMachine {
  /** A folder whose node_modules has onnxruntime-node with the provider beside it. */
  readonly runtime: string
  readonly standIns: string
  /** The folder of the runtime's libraries. */
  readonly libraries: string
  readonly folder: string
}

/** The machine, which all files of a run share, or why there is none here. */
export async function cudaMachine(): Promise<CudaMachine | string> {
  afterAll(async () => {
    for (const each of processes.values()) await each.end()
    processes.clear()
  })
  return await madeOnce('cuda-machine', makeMachine)
}

async function makeMachine(folder: string): Promise<CudaMachine | string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the CUDA provider is for x64 Linux'
  for (const tool of ['gcc', 'readelf']) {
    try {
      execFileSync(tool, ['--version'], { stdio: 'ignore' })
    } catch {
      return `there is no ${tool}`
    }
  }
  const runtime = path.join(folder, 'runtime')
  try {
    const libraries = copyRuntime(runtime)
    const tensorRt = path.join(folder, 'tensorrt')
    buildTensorRtStandIns(tensorRt)
    const place = { ...ownPlace(), runtime: libraries }
    for await (const _ of setupCuda({ signal: AbortSignal.timeout(90_000) }, place));
    for await (const _ of setupTensorRt({ from: tensorRt, signal: AbortSignal.timeout(90_000) }, place));
    const standIns = path.join(folder, 'stand-ins')
    const providers = [providerLibraries[0], tensorRtProvider]
    buildStandIns(
      providers.map(file => path.join(libraries, file)),
      standIns,
    )
    return { runtime, standIns, libraries, folder }
  } catch (error) {
    return `the CUDA provider cannot be fetched: ${messageOf(error)}`
  }
}

/** onnxruntime-node with room for a provider that this checkout's own does not get. Gives the libraries' folder. */
function copyRuntime(target: string): string {
  const source = path.resolve(runtimeFolder(), '..', '..', '..', '..')
  const copy = path.join(target, 'node_modules', 'onnxruntime-node')
  mkdirSync(copy, { recursive: true })
  cpSync(path.join(source, 'dist'), path.join(copy, 'dist'), { recursive: true })
  cpSync(path.join(source, 'package.json'), path.join(copy, 'package.json'))
  const interfaces = createRequire(path.join(source, 'dist', 'index.js')).resolve('onnxruntime-common')
  const common = interfaces.slice(
    0,
    interfaces.lastIndexOf('onnxruntime-common') + 'onnxruntime-common'.length,
  )
  symlinkSync(common, path.join(target, 'node_modules', 'onnxruntime-common'))
  const libraries = path.join(copy, path.relative(source, runtimeFolder()))
  mkdirSync(libraries, { recursive: true })
  for (const file of ['libonnxruntime.so.1', 'onnxruntime_binding.node']) {
    const [from, to] = [path.join(runtimeFolder(), file), path.join(libraries, file)]
    try {
      linkSync(from, to)
    } catch {
      cpSync(from, to) // on another disk
    }
  }
  return libraries
}

/** What was done for one graph. */
export interface CudaTrace {
  /** What ONNX Runtime wrote, warnings and more severe. */
  readonly messages: string
  /** Why the run failed: it does where it comes to cuDNN, which plans nothing here. */
  readonly failure: string | undefined
  /** Bytes copied to the device while the session was opened. */
  readonly copied: number
  /** While it ran: kernels and matrix products in their order, by mangled name; none when it did not run. */
  readonly launches: readonly string[]
  /** Bytes copied to the device and from it in a second run. */
  readonly copiedAgain: { readonly toDevice: number; readonly toHost: number }
  /** What was made of TensorRT while the session was opened, in order. */
  readonly tensorRt: readonly string[]
}

export interface CudaRun {
  /** Values of the symbols of the inputs' shapes; the graph is run when they are given. */
  readonly symbols?: Readonly<Record<string, number>>
  readonly variables?: Readonly<Record<string, string>>
  /** Whether the session is one of the native backend; it is too where one of the next two is given. */
  readonly native?: true
  /** Our own kernels, for a graph that uses them. */
  readonly kernels?: KernelLibrary | undefined
  /** The input that a second run is fed the first result through, which was kept; on the native backend. */
  readonly again?: string
  /** TensorRT before CUDA, for inputs of these shapes; on the native backend. */
  readonly tensorRt?: { readonly options: TensorRtOptions; readonly shapes: InputShapes }
  /** Lets nodes be on the CPU, to say which. */
  readonly fallback?: true
}

/**
 * Opens a graph as the product does for a GPU, except that a node on the CPU is an error.
 * @throws Error with ONNX Runtime's message when the session does not open
 */
export async function openOnCuda(machine: CudaMachine, graph: Graph, run: CudaRun = {}): Promise<CudaTrace> {
  const folder = mkdtempSync(path.join(machine.folder, 'session-'))
  const model = path.join(folder, 'model.onnx')
  const native = run.kernels !== undefined || run.again !== undefined || run.native === true || run.tensorRt
  const split = native && !run.tensorRt ? castOnce(graph, { leaveBytes: foldLimitBytes }) : undefined
  const [bytes, ...casts] = [split?.graph ?? graph, ...(split?.casts ?? [])].map(each =>
    serialize(each, { locate: file => file.slice(1) }),
  ) as [Uint8Array, ...Uint8Array[]]
  writeFileSync(model, bytes)
  const castFiles = casts.map((_, index) => path.join(folder, `weights-${index}.onnx`))
  for (const [index, file] of castFiles.entries()) writeFileSync(file, casts[index]!)
  const weights = { name: graph.name, bytes, weightsFolder: '/', weightBytes: weightBytesOf(graph) }
  const job = {
    runtime: machine.runtime,
    model,
    ...(native ? nativeSession(machine, weights, run) : defaultSession(weights, run)),
    casts: castFiles,
    feeds: run.symbols && feedsOf(graph, run.symbols),
    again: run.again,
  }
  const { output, log, failure } = await providerProcess(machine, Boolean(native), run.variables).run(job)
  rmSync(folder, { recursive: true })
  if (failure?.includes('fallback') && !run.fallback) throw new Error(await nodesOnCpu(machine, graph, run))
  const { opened, ...counts } = readLog(log)
  if (failure && !opened) throw new Error(failure.trim())
  // Weights are cast where they are used: folding the casts would copy them.
  const messages = output.split('\n').filter(line => !line.includes('Skipping constant folding'))
  return { messages: messages.join('\n'), failure, ...counts }
}

const processes = new Map<string, ProviderProcess>()

/** The process of a backend and its environment: a session takes less time than to load the provider. */
function providerProcess(
  { folder, standIns }: CudaMachine,
  native: boolean,
  variables: CudaRun['variables'] = {},
): ProviderProcess {
  const key = JSON.stringify([folder, native, variables])
  const known = processes.get(key)
  if (known && !known.ended) return known
  const environment = { ...process.env, LD_LIBRARY_PATH: standIns, ...variables }
  const started = new ProviderProcess(mkdtempSync(path.join(folder, 'process-')), environment)
  processes.set(key, started)
  return started
}

const device = { type: 'cuda', index: 0 } as const

/** How onnxruntime-node opens it. */
function defaultSession(weights: GraphModel, { fallback }: CudaRun) {
  const config = sessionConfig(weights, device, 1)
  const session = { ...config.extra.session, disable_cpu_ep_fallback: fallback ? '0' : '1' }
  const logSeverityLevel = fallback ? 0 : 2
  return { config: { ...config, logSeverityLevel, extra: { ...config.extra, session } } }
}

/** How the addon of the native backend opens it. */
function nativeSession(
  { libraries }: CudaMachine,
  weights: GraphModel,
  { kernels, fallback, tensorRt }: CudaRun,
) {
  const config = { 'session.disable_cpu_ep_fallback': fallback ? '0' : '1' }
  const graph = { precision: 'f16', key: 'decoder-0123' } as const
  const native = openConfig(
    { ...weights, ...(tensorRt && { tensorRt: graph }) },
    { device, threads: 1, kernels, ...(tensorRt && { tensorRt: tensorRt.options }) },
    { config, ...(tensorRt && { shapes: tensorRt.shapes }) },
    {},
  )
  if (tensorRt) {
    const session = { graph, shapes: tensorRt.shapes, weightsFolder: '/' }
    mkdirSync(engineFolder(tensorRt.options, session), { recursive: true })
  }
  // Those of the machine, not those of this checkout's runtime.
  const own = native.tensorRt && {
    ...native.tensorRt,
    libraries: [...locateTensorRtLibraries(libraries, {})].map(
      ([name, file]) => file ?? path.join(libraries, name),
    ),
  }
  return { addon: addonFile(), config: { ...native, tensorRt: own, logSeverity: fallback ? 0 : 2 } }
}

/** The nodes that the provider does not take, as ONNX Runtime lists them: `Op (name)`. */
async function nodesOnCpu(machine: CudaMachine, graph: Graph, { kernels }: CudaRun): Promise<string> {
  const { messages } = await openOnCuda(machine, graph, { kernels, fallback: true })
  const [, ...lists] = messages.split(/Node\(s\) placed on /)
  const listed = lists.find(list => list.startsWith('[CPUExecutionProvider]')) ?? messages
  const nodes = [...listed.matchAll(/\]\s+(\w+ \(.*?\))/g)].map(([, node]) => node)
  return `on the CPU: ${nodes.join(', ') || listed.slice(-2000)}`
}

const types: Readonly<Record<string, string>> = { f32: 'float32', i64: 'int64', i32: 'int32' }

function feedsOf(graph: Graph, symbols: Readonly<Record<string, number>>) {
  return Object.fromEntries(
    graph.inputs.map(({ name, dtype, shape }) => {
      return [name, { type: types[dtype], shape: shape.map(dim => evaluateDim(dim, symbols)) }]
    }),
  )
}

function readLog(log: string) {
  let phase = ''
  let copied = 0
  const launches: string[] = []
  const copiedAgain = { toDevice: 0, toHost: 0 }
  const tensorRt: string[] = []
  for (const line of log.split('\n')) {
    const [what, first = '', second = ''] = line.split(' ')
    if (what === 'mark') phase = first
    if (what === 'copy' && phase === 'open' && first === '1') copied += Number(second)
    if (what === 'copy' && phase === 'again')
      copiedAgain[first === '1' ? 'toDevice' : 'toHost'] += Number(second)
    if (what === 'launch' && phase === 'run') launches.push(first)
    if (what === 'tensorrt' && phase === 'open') tensorRt.push(first)
  }
  return { opened: phase !== 'open', copied, launches, copiedAgain, tensorRt }
}
