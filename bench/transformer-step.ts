import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { families } from '../models/index.ts'
import { textRowBias } from '../models/wan/text.ts'
import { openCheckpoint } from '../src/engine/checkpoint.ts'
import { graphSource } from '../src/engine/graph-source.ts'
import { Lane } from '../src/engine/lane.ts'
import type { TextConditioning } from '../src/pipeline/family.ts'
import { planRequest } from '../src/pipeline/request.ts'
import { networkPass, timesAtRest } from '../src/pipeline/velocity.ts'
import { OnnxRuntimeBackend } from '../src/runtime/onnxruntime-backend.ts'
import { sliceAxis } from '../src/tensor/axis.ts'
import { float32Data, reshaped, type Tensor } from '../src/tensor/tensor.ts'
import { openWeights } from '../src/weights/checkpoint.ts'
import { readTensor } from '../src/weights/read-tensor.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'
import { Peer } from './peer.ts'
import { type BenchOptions, median, printTable, rounded } from './results.ts'
import { inputsOf, promptLengths, type Size, sizes, textTokens, writeSyntheticWan } from './synthetic-wan.ts'

/** Runs of a size that are not counted: the first ones allocate. */
const warmUps = 2

/** Between two runs, so that the threads of one do not still wait for work, busily, in the time of the other. */
const pauseMs = 50

interface StepResult {
  readonly tokens: number
  /** Of the 512 that both are given; the rest is padding. */
  readonly promptTokens: number
  readonly stepMs: number
  readonly peerMs?: number
  /** peerMs / stepMs */
  readonly ratio?: number
  /** ‖ours − theirs‖ / ‖theirs‖, and the largest difference of an element. */
  readonly relativeError?: number
  readonly maxError?: number
}

/**
 * Milliseconds of one pass of the network at every size, through the lane that a video goes through; and of the peer,
 * in turn with it, so that whatever else the machine does falls on both.
 */
export async function measureSteps({ rounds, peer: python, quick }: BenchOptions): Promise<object> {
  const folder = mkdtempSync(path.join(tmpdir(), 'framewright-bench-'))
  try {
    await writeSyntheticWan(folder)
    await using peer = python ? await Peer.start(python, 'diffusers_step.py', [folder, '--serve']) : undefined
    await using lane = await openLane(folder)
    const steps: StepResult[] = []
    for (const size of quick ? sizes.slice(0, 1) : sizes) {
      for (const promptTokens of promptLengths) {
        steps.push(await measureStep(size, promptTokens, { folder, lane, peer, rounds }))
      }
    }
    printTable('one pass of the transformer', steps.map(row))
    return { steps, ...(peer && { peer: peer.about }) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Setting {
  readonly folder: string
  readonly lane: OpenLane
  readonly peer: Peer | undefined
  readonly rounds: number
}

async function measureStep(
  size: Size,
  promptTokens: number,
  { folder, lane, peer, rounds }: Setting,
): Promise<StepResult> {
  const inputs = inputsOf(size, promptTokens)
  const name = `${size.tokens}-${promptTokens}`
  const file = path.join(folder, `inputs-${name}.safetensors`)
  await writeSafetensors(file, inputs)
  const pass = await lane.prepare(size, promptTokens, inputs)
  const ours: number[] = []
  const theirs: number[] = []
  let velocity = new Float32Array()
  for (let round = -warmUps; round < rounds; round++) {
    await delay(pauseMs)
    const started = performance.now()
    velocity = (await pass()) as Float32Array<ArrayBuffer>
    if (round >= 0) ours.push(performance.now() - started)
    if (!peer) continue
    await delay(pauseMs)
    const { seconds } = await peer.ask({ run: file })
    if (round >= 0) theirs.push(1000 * Number(seconds))
  }
  const stepMs = rounded(median(ours))
  const about = { tokens: size.tokens, promptTokens, stepMs }
  if (!peer) return about
  const peerMs = rounded(median(theirs))
  const errors = compare(velocity, await resultOf(peer, file, path.join(folder, `result-${name}`)))
  return { ...about, peerMs, ratio: rounded(peerMs / stepMs), ...errors }
}

interface OpenLane extends AsyncDisposable {
  /** Everything that is made once a video; the function is what a step runs. */
  prepare(
    size: Size,
    promptTokens: number,
    inputs: ReturnType<typeof inputsOf>,
  ): Promise<() => Promise<Float32Array>>
}

async function openLane(folder: string): Promise<OpenLane> {
  const checkpoint = await openCheckpoint(folder, families)
  const { model } = checkpoint
  const plan = planRequest({ prompt: '' }, model.facts, { fields: checkpoint.fields, randomSeed: () => 0n })
  const device = { type: 'cpu' } as const
  const source = graphSource(checkpoint, { device, requested: undefined })
  const lane = new Lane(new OnnxRuntimeBackend({ device, threads: 0 }), source, 'keep')
  return {
    prepare: async ({ latent: [latentFrames, latentHeight, latentWidth] }, promptTokens, inputs) => {
      const text = await textConditioning(lane, inputs.get('text')!, promptTokens)
      const shape = [model.facts.latentChannels, latentFrames, latentHeight, latentWidth]
      const stream = { shape }
      const denoiser = model.denoiser([stream.shape], plan)
      const conditions = { conditional: text, visual: { feeds: [], streams: [] } }
      const denoise = networkPass(model, denoiser, conditions, lane.run)
      const input = {
        latents: [reshaped(inputs.get('latents')!, denoiser.streams[0]!.shape)],
        times: timesAtRest([stream], float32Data(inputs.get('timestep'))[0]!),
        expert: 0,
      }
      return async () => float32Data((await denoise(input))[0] as Tensor)
    },
    [Symbol.asyncDispose]: () => lane[Symbol.asyncDispose](),
  }
}

/** As a prompt is conditioned: one row stands for all rows of padding. */
async function textConditioning(lane: Lane, padded: Tensor, promptTokens: number): Promise<TextConditioning> {
  const bias = textRowBias(promptTokens, textTokens, lane.keyMultiple)
  const text = sliceAxis(padded, 1, 0, bias.shape[1]!)
  const { residents } = await lane.run('context', { text }, { keep: () => true })
  const feeds = [{ ...residents, 'text.bias': bias }]
  return { feeds, tokens: promptTokens, truncated: false }
}

async function resultOf(peer: Peer, inputs: string, folder: string): Promise<Float32Array> {
  await peer.ask({ run: inputs, save: `${folder}.safetensors` })
  const { tensors } = await openWeights(path.dirname(folder), path.basename(folder))
  return float32Data(await readTensor(tensors.get('velocity')!))
}

function compare(ours: Float32Array, theirs: Float32Array): { relativeError: number; maxError: number } {
  let difference = 0
  let norm = 0
  let maxError = 0
  theirs.forEach((value, index) => {
    const error = Math.abs(ours[index]! - value)
    difference += error ** 2
    norm += value ** 2
    maxError = Math.max(maxError, error)
  })
  return { relativeError: rounded(Math.sqrt(difference / norm)), maxError: rounded(maxError) }
}

function row({ tokens, promptTokens, stepMs, peerMs, ratio, relativeError, maxError }: StepResult) {
  const ours = { tokens, 'prompt tokens': promptTokens, 'framewright ms': stepMs }
  if (peerMs === undefined) return ours
  return {
    ...ours,
    'diffusers ms': peerMs,
    ratio: ratio!,
    'relative error': relativeError!,
    'max error': maxError!,
  }
}
