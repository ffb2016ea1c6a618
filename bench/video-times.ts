import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createEngine, type Engine, resolveModel, type StageSeconds } from '../src/index.ts'
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
export async function measureVideos({ rounds }: BenchOptions): Promise<object> {
  const results: VideoResult[] = []
  for (const video of videos) results.push(await measureVideo(video, rounds))
  printTable(
    'a video of the built-in model',
    results.map(({ size, frames, firstSeconds, secondSeconds, outsideRuns }) => ({
      size,
      frames,
      'first s': firstSeconds,
      'second s': secondSeconds,
      'outside runs %': rounded(100 * outsideRuns),
    })),
  )
  const starts: number[] = []
  for (let round = 0; round < rounds; round++) starts.push(await secondsToFirstStep())
  const coldStartSeconds = rounded(median(starts))
  console.log(`from a cold start to the first step: ${coldStartSeconds} s`)
  return { videos: results, coldStartSeconds }
}

interface VideoResult {
  readonly size: string
  readonly frames: number
  readonly firstSeconds: number
  readonly secondSeconds: number
  /** Of the second video: the share of its time in which no graph ran, from 0 to 1. */
  readonly outsideRuns: number
}

async function measureVideo(video: Video, rounds: number): Promise<VideoResult> {
  const first: number[] = []
  const second: number[] = []
  const outside: number[] = []
  for (let round = 0; round < rounds; round++) {
    await using engine = await createEngine({ model: await resolveModel(), device: 'cpu' })
    first.push((await make(engine, video)).total)
    const { total, running } = await make(engine, video)
    second.push(total)
    outside.push(1 - running / total)
  }
  return {
    size: `${video.width}x${video.height}`,
    frames: video.frames,
    firstSeconds: rounded(median(first)),
    secondSeconds: rounded(median(second)),
    outsideRuns: rounded(median(outside)),
  }
}

async function make(engine: Engine, video: Video): Promise<StageSeconds> {
  const request = { prompt: 'a red ball moves to the right on a white background', seed: 1, ...video }
  for await (const event of engine.generate(request)) if (event.type === 'video-end') return event.seconds
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
