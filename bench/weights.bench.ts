/**
 * What do weights take in memory, to open and in a step, as bf16, as scaled fp8 and as Q4_K? A Wan 2.1 1.3B transformer
 * with random weights, on both backends, each format in a process of its own; passes of the formats are made in turn.
 *
 * f32 weights are used where they are mapped: what such a process has in memory beside its file is the runtime and the
 * activations of a pass. What another format has beyond that is counted as its weights'.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { families } from '../models/index.ts'
import { writeSynthetic } from '../src/benchmark/synthetic.ts'
import { nativeParts } from '../src/runtime/native-parts.ts'
import { openWeights } from '../src/weights/checkpoint.ts'
import { writeFloats, writeQ4K, writeScaledFp8 } from './quantized-files.ts'
import { type BenchOptions, median, printTable, rounded } from './results.ts'
import type { WeightsPass, WeightsProcessOptions } from './weights-process.ts'

const model = 'wan-t2v-1.3b'
/** 7 × 16 × 16 tokens. */
const usual = { size: { width: 256, height: 256, frames: 25 }, tokens: 1792 }
const quickly = { size: { width: 32, height: 32, frames: 5 }, tokens: 8 }
/** Of 30: so many that bf16 weights are mapped, as those of the whole model are. */
const usualLayers = 14
const backends = ['onnxruntime-node', 'native'] as const
/** The native one where it was built. */
const built = backends.filter(name => name !== 'native' || nativeParts().addon)
/** The activations' comes first. */
const formats = ['f32', 'bf16', 'fp8 scaled', 'Q4_K'] as const
type Format = (typeof formats)[number]

interface FormatResult {
  readonly format: Format
  readonly backend: (typeof backends)[number]
  readonly fileBytes: number
  readonly openSeconds: number
  /** After opening, and after the passes. */
  readonly opened: WeightsPass['memory']
  readonly stepped: WeightsPass['memory']
  /** Private memory after the passes without what f32 has beside its file, in bytes of the file. */
  readonly weightsToFile: number
  readonly passSeconds: number
  /** To bf16 on the same backend. */
  readonly ratio: number
}

export async function measureWeights({
  rounds,
  quick,
  layers = quick ? 1 : usualLayers,
}: BenchOptions): Promise<object> {
  const folder = mkdtempSync(path.join(tmpdir(), 'framewright-bench-'))
  try {
    const { size, tokens } = quick ? quickly : usual
    const files = await writeFiles(folder, layers)
    const results: FormatResult[] = []
    if (built.length < backends.length) console.log('native: not built; "npm run build:native" builds it\n')
    for (const backend of built)
      results.push(...(await measureBackend({ backend, folder, size }, files, rounds)))
    printTable(`one pass of ${layers} layers at ${tokens} tokens; MB`, results.map(row))
    return { model, layers, tokens, formats: results }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function writeFiles(folder: string, layers: number): Promise<Record<Format, string>> {
  await writeSynthetic(
    {
      name: model,
      folder,
      layers,
      stored: 'bf16',
      isMeasured: () => false,
    },
    families,
  )
  const { tensors } = await openWeights(path.join(folder, 'transformer'))
  const shapes = [...tensors.values()].map(({ key, shape }) => ({ key, shape }))
  const f32 = path.join(folder, 'f32.safetensors')
  const bf16 = path.join(folder, 'bf16.safetensors')
  const fp8 = path.join(folder, 'fp8.safetensors')
  const q4k = path.join(folder, 'q4k.gguf')
  await writeFloats(f32, shapes, 'f32')
  await writeFloats(bf16, shapes, 'bf16')
  await writeScaledFp8(fp8, shapes)
  await writeQ4K(q4k, shapes)
  return { f32, bf16, 'fp8 scaled': fp8, Q4_K: q4k }
}

async function measureBackend(
  options: Omit<WeightsProcessOptions, 'file'>,
  files: Readonly<Record<Format, string>>,
  rounds: number,
): Promise<FormatResult[]> {
  const { backend } = options
  const children = new Map<Format, ChildProcess>()
  try {
    const passes = new Map<Format, WeightsPass[]>(formats.map(format => [format, []]))
    for (const format of formats) {
      children.set(format, await startProcess({ ...options, file: files[format] }))
    }
    // The first pass reads the file and allocates.
    for (let round = 0; round <= rounds; round++) {
      for (const format of formats) passes.get(format)!.push(await passOf(children.get(format)!))
    }
    const seconds = (format: Format) =>
      median(
        passes
          .get(format)!
          .slice(1)
          .map(pass => pass.seconds),
      )
    const activations = passes.get('f32')!.at(-1)!.memory.anonymousBytes
    return formats.map(format => {
      const all = passes.get(format)!
      const { opened } = all[0]!
      const stepped = all.at(-1)!.memory
      const fileBytes = statSync(files[format]).size
      return {
        format,
        backend,
        fileBytes,
        openSeconds: rounded(opened.seconds),
        opened: opened.memory,
        stepped,
        weightsToFile: rounded((stepped.privateBytes - activations) / fileBytes),
        passSeconds: rounded(seconds(format)),
        ratio: rounded(seconds(format) / seconds('bf16')),
      }
    })
  } finally {
    for (const child of children.values()) child.disconnect()
  }
}

async function startProcess(options: WeightsProcessOptions): Promise<ChildProcess> {
  const program = path.join(import.meta.dirname, 'weights-process.js')
  const child = fork(program, [JSON.stringify(options)])
  await answerOf(child)
  return child
}

async function passOf(child: ChildProcess): Promise<WeightsPass> {
  child.send('pass')
  return (await answerOf(child)) as WeightsPass
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const stop = new AbortController()
  const ended = once(child, 'exit', { signal: stop.signal }).then(([code, signal]) => {
    throw new Error(`weights-process: expected an answer, got ${signal ?? `exit code ${code}`}`)
  })
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal: stop.signal }), ended])) as [
      unknown,
    ]
    return answer
  } finally {
    stop.abort()
    ended.catch(() => {})
  }
}

function row(result: FormatResult) {
  const { format, backend, fileBytes, openSeconds, opened, stepped, weightsToFile, passSeconds, ratio } =
    result
  const megabytes = (bytes: number) => Math.round(bytes / 1e6)
  return {
    format,
    backend,
    file: megabytes(fileBytes),
    'open s': openSeconds,
    'private, opened': megabytes(opened.privateBytes),
    'private, stepped': megabytes(stepped.privateBytes),
    anonymous: megabytes(stepped.anonymousBytes),
    'of the file': megabytes(stepped.mappedBytes),
    'weights / file': weightsToFile,
    'pass s': passSeconds,
    ratio,
  }
}
