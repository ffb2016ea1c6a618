import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createEngine, type Engine, resolveModel, type StageSeconds } from '../src/index.ts'
import { readSafetensorsHeader } from '../src/weights/read-header.ts'
import { readTensor } from '../src/weights/read-tensor.ts'
import { Peer } from './peer.ts'
import { type BenchOptions, median, printTable, rounded } from './results.ts'

/** Sizes of the videos that the built-in model is asked for; steps and guidance are its own. */
const videos = [
  { width: 64, height: 64, frames: 17 },
  { width: 128, height: 128, frames: 17 },
  { width: 128, height: 128, frames: 33 },
] as const

type Video = (typeof videos)[number]

/**
 * Seconds of whole videos, the first of an engine, which opens its sessions, and the second; the share of that which
 * is not inside runs of graphs; and the seconds from the start of a process to the first step.
 */
export async function measureVideos({ rounds, peer: python, quick }: BenchOptions): Promise<object> {
  const model = await resolveModel()
  const peer = python === undefined ? undefined : await Peer.start(python, 'diffusers_video.py', [model])
  try {
    const results: VideoResult[] = []
    for (const video of quick ? videos.slice(0, 1) : videos)
      results.push(await measureVideo(model, video, rounds, peer))
    printTable('a video of the built-in model', results.map(rowOf))
    const starts: number[] = []
    for (let round = 0; round < rounds; round++) starts.push(await secondsToFirstStep())
    const coldStartSeconds = rounded(median(starts))
    console.log(`from a cold start to the first step: ${coldStartSeconds} s`)
    return { videos: results, ...(peer && { videoPeer: peer.about }), coldStartSeconds }
  } finally {
    await peer?.[Symbol.asyncDispose]()
  }
}

interface VideoResult {
  readonly size: string
  readonly frames: number
  readonly firstSeconds: number
  readonly secondSeconds: number
  /** Of the second video: the share of its time in which no graph ran, from 0 to 1. */
  readonly outsideRuns: number
  /** The same video by the peer, of the same weights, prompt, steps and seed, once its first one is made. */
  readonly peerSeconds?: number
  readonly ratio?: number
  /** Of the values of all pixels, the share that is the peer's to one level of 255. */
  readonly withinOneLevel?: number
}

function rowOf({
  size,
  frames,
  firstSeconds,
  secondSeconds,
  outsideRuns,
  ...against
}: VideoResult): Record<string, string | number> {
  const { peerSeconds = 0, ratio = 0, withinOneLevel } = against
  return {
    size,
    frames,
    'first s': firstSeconds,
    'second s': secondSeconds,
    'outside runs %': rounded(100 * outsideRuns),
    ...(withinOneLevel !== undefined && {
      'peer s': peerSeconds,
      ratio,
      'within 1/255 %': rounded(100 * withinOneLevel),
    }),
  }
}

async function measureVideo(
  model: string,
  video: Video,
  rounds: number,
  peer: Peer | undefined,
): Promise<VideoResult> {
  const first: number[] = []
  const second: number[] = []
  const outside: number[] = []
  const theirs: number[] = []
  const same = peer && (await shareOfPeer(model, video, peer))
  for (let round = 0; round < rounds; round++) {
    await using engine = await createEngine({ model, device: 'cpu' })
    first.push((await make(engine, video)).seconds.total)
    const { total, running } = (await make(engine, video)).seconds
    second.push(total)
    outside.push(1 - running / total)
    if (peer) theirs.push(Number((await peer.ask(questionOf(engine, video))).seconds))
  }
  return {
    size: `${video.width}x${video.height}`,
    frames: video.frames,
    firstSeconds: rounded(median(first)),
    secondSeconds: rounded(median(second)),
    outsideRuns: rounded(median(outside)),
    ...(same !== undefined && {
      peerSeconds: rounded(median(theirs)),
      ratio: rounded(median(theirs) / median(second)),
      withinOneLevel: Number(same.toFixed(6)),
    }),
  }
}

/** The peer's first video, which also warms it up, beside ours. */
async function shareOfPeer(model: string, video: Video, peer: Peer): Promise<number> {
  await using engine = await createEngine({ model, device: 'cpu' })
  const folder = await mkdtemp(join(tmpdir(), 'framewright-bench-'))
  try {
    const save = join(folder, 'frames.safetensors')
    await peer.ask({ ...questionOf(engine, video), save })
    const { tensors } = await readSafetensorsHeader(save)
    const expected = (await readTensor(tensors.get('frames')!)).data as Uint8Array
    const { pixels } = await make(engine, video)
    if (pixels.length !== expected.length) {
      throw new Error(`the peer's frames: expected ${pixels.length} values, got ${expected.length}.`)
    }
    const near = pixels.filter((value, at) => Math.abs(value - expected[at]!) <= 1)
    return near.length / pixels.length
  } finally {
    await rm(folder, { recursive: true })
  }
}

const prompt = 'a red ball moves to the right on a white background'
const seed = 1
/** `model_max_length` of the model's tokenizer, which diffusers has to be told. */
const textTokens = 32

/** What diffusers' pipeline is called with for the same video. */
function questionOf({ facts }: Engine, { width, height, frames }: Video): object {
  const { steps, guidance, negativePrompt } = facts.defaults
  const call = {
    prompt,
    negative_prompt: negativePrompt,
    width,
    height,
    num_frames: frames,
    num_inference_steps: steps,
    guidance_scale: guidance,
    max_sequence_length: textTokens,
  }
  return { call, seed }
}

async function make(
  engine: Engine,
  video: Video,
): Promise<{ readonly seconds: StageSeconds; readonly pixels: Uint8Array }> {
  const parts: Uint8Array[] = []
  for await (const event of engine.generate({ prompt, seed, ...video })) {
    if (event.type === 'frames-decoded') parts.push(event.frames)
    if (event.type === 'video-end') return { seconds: event.seconds, pixels: Buffer.concat(parts) }
  }
  throw new Error('the video did not end')
}

/** In a process of its own, from its start. */
async function secondsToFirstStep(): Promise<number> {
  const started = performance.now()
  const child = spawn(process.execPath, [fileURLToPath(new URL('cold-start.js', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    const seconds = (performance.now() - started) / 1000
    if (line !== 'first step') throw new Error(`cold start: expected "first step", got "${line}".`)
    await ended
    return seconds
  }
  throw new Error('cold start: the process ended before its first step; its own message is above')
}
