/**
 * A process of its own: one file of a transformer's weights on one backend. Opens it, then makes a pass of the network
 * for each message.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { families } from '../models/index.ts'
import { openContext } from '../src/benchmark/context.ts'
import { openWork } from '../src/benchmark/repeated.ts'
import { works } from '../src/benchmark/work.ts'
import { weightsInFiles } from '../src/engine/read-single-file.ts'
import { planRequest } from '../src/pipeline/request.ts'
import type { Backend } from '../src/runtime/backend.ts'
import { NativeBackend } from '../src/runtime/native-backend.ts'
import { OnnxRuntimeBackend } from '../src/runtime/onnxruntime-backend.ts'
import { type ProcessMemory, processMemory } from './process-memory.ts'

export interface WeightsProcessOptions {
  /** A model folder, for the configs. */
  readonly folder: string
  readonly file: string
  readonly backend: 'onnxruntime-node' | 'native'
  readonly size: { readonly width: number; readonly height: number; readonly frames: number }
}

/** What a pass took, and the memory after it. */
export interface WeightsPass {
  readonly seconds: number
  readonly memory: ProcessMemory
  /** Before the first pass: from the header of the file to sessions that can be run. */
  readonly opened: { readonly seconds: number; readonly memory: ProcessMemory }
}

const options = JSON.parse(process.argv[2]!) as WeightsProcessOptions
const temporary = mkdtempSync(path.join(tmpdir(), 'framewright-bench-'))
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }))

const created = { onnxruntime: OnnxRuntimeBackend, native: NativeBackend }
const Chosen = options.backend === 'native' ? created.native : created.onnxruntime
const backend = new Chosen({ device: { type: 'cpu' }, threads: 0 })
let opened: WeightsPass['opened'] | undefined
/** Of the work that has begun before the network runs for the first time. */
let started = 0
let openingSeconds = 0
let runSeconds = 0

/** As the backend; notes when the network runs for the first time, and how long other graphs ran before. */
const timed: Backend = {
  name: backend.name,
  device: backend.device,
  kernels: backend.kernels,
  residentsInPlace: backend.residentsInPlace,
  keyMultiple: backend.keyMultiple,
  keepsState: backend.keepsState,
  async open(model, given) {
    const session = await backend.open(model, given)
    return {
      name: session.name,
      release: () => session.release(),
      async run(feeds, of) {
        const began = performance.now()
        if (model.name === 'transformer') {
          const seconds = openingSeconds + (began - started) / 1000 - runSeconds
          opened ??= { seconds, memory: processMemory(options.file) }
        }
        const result = await session.run(feeds, of)
        runSeconds += (performance.now() - began) / 1000
        return result
      },
    }
  },
  drop: residents => backend.drop(residents),
  [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
}

const { width, height, frames } = options.size
const parts = { families, createBackend: () => timed }
const base = await openContext(
  { what: 'step', model: options.folder, device: 'cpu', width, height, frames },
  parts,
  temporary,
)
started = performance.now()
const weights = await weightsInFiles([options.file], 'transformer', base.checkpoint.family)
const checkpoint = {
  ...base.checkpoint,
  weights: new Map([...base.checkpoint.weights, ['transformer', weights]]),
}
const request = { prompt: 'a red fox trots along a frozen river', width, height, frames, guidance: 1 }
const plan = planRequest(request, checkpoint.model.facts, { fields: checkpoint.fields, randomSeed: () => 1n })

const context = { ...base, checkpoint, plan }
const work = await openWork(context, works.step, timed)
openingSeconds = (performance.now() - started) / 1000
process.send!('ready')

process.on('message', async () => {
  const before = runSeconds
  started = performance.now()
  await work.repetition()
  const pass: WeightsPass = {
    seconds: runSeconds - before,
    memory: processMemory(options.file),
    opened: opened!,
  }
  process.send!(pass)
})
process.on('disconnect', () => process.exit(0))
