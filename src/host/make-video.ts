import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Engine } from '../engine/engine.ts'
import { packageVersion } from '../engine/package-info.ts'
import { renderVideo } from '../engine/render.ts'
import type { TaskSound } from '../jobs/task.ts'
import { encodeJpeg } from '../media/encode-jpeg.ts'
import { storedFormat } from '../media/sound/sound-encoder.ts'
import type { Notice } from '../notices.ts'
import type { PreviewEvent, VideoEndEvent } from '../pipeline/events.ts'
import { requestFromJson } from '../pipeline/fields/stored-fields.ts'
import { type Progress, ProgressTracker } from '../pipeline/progress.ts'
import { frameSize } from '../pipeline/upsample.ts'
import { ClipStills } from './clip-stills.ts'
import type { HostProgress, RunResult, RunSpec } from './protocol.ts'
import type { RunCheckpoint } from './run-checkpoint.ts'

export interface MakeVideoContext {
  readonly engine: Engine
  readonly checkpoint: RunCheckpoint
  readonly signal: AbortSignal
  readonly report: (progress: HostProgress) => void
  readonly note: (text: string) => void
}

/**
 * Makes the video of a run and the pictures that go with it, from where its checkpoint is.
 * @throws what `renderVideo` throws
 */
export async function makeVideo(spec: RunSpec, context: MakeVideoContext): Promise<RunResult> {
  const { engine, checkpoint, signal, report, note } = context
  const folders = [dirname(spec.video), dirname(spec.checkpoint.path), spec.preview.folder]
  await Promise.all(folders.map(folder => mkdir(folder, { recursive: true })))
  const resume = await checkpoint.load(note)
  const { everySteps } = spec.preview
  const options = {
    signal,
    states: true,
    ...(resume && { resume }),
    ...(everySteps > 0 && { previewEvery: everySteps }),
  }
  const progress = new ProgressTracker()
  let previewStep: number | undefined
  const notices: Notice[] = []
  const stills = new ClipStills()
  let frames = 0
  let sound: TaskSound | undefined
  // Where a server keeps its files is nothing that a video's metadata should tell.
  const adapters = spec.adapters.map(({ name, ...adapter }) => ({ ...adapter, path: name }))
  const output = {
    path: spec.video,
    model: spec.model,
    version: packageVersion(),
    adapters,
    fileName: () => '(upload)',
  }
  let end: VideoEndEvent | undefined
  for await (const event of renderVideo(
    engine,
    requestFromJson(spec.generate, engine.fields),
    output,
    options,
  )) {
    if (event.type === 'step-end' && event.state) checkpoint.step(event.state, note)
    if (event.type === 'notice') {
      note(event.message)
      notices.push({ code: event.code, message: event.message })
    }
    if (event.type === 'preview') {
      await writePreview(event, spec)
      previewStep = event.step
    }
    if (event.type === 'start' && event.sound) {
      sound = { ...storedFormat('aac', event.sound), seconds: 0, origin: event.sound.origin }
    }
    if (event.type === 'audio-ready' && sound) {
      sound = { ...sound, seconds: (event.first + event.count) / event.rate }
    }
    if (event.type === 'frames-decoded') {
      stills.take(event)
      frames = event.of
    }
    if (event.type === 'video-end') end = event
    if (!progress.take(event) && event.type !== 'preview' && event.type !== 'notice') continue
    report({
      ...hostProgress(progress.now),
      ...(notices.length > 0 && { notices: [...notices] }),
      ...(previewStep !== undefined && { previewStep }),
      ...(event.type === 'step-end' && { stepSeconds: event.seconds }),
    })
  }
  await stills.write(spec.thumbnail, spec.spritesheet)
  const { plan, seconds } = end!
  return {
    ...frameSize(plan),
    frames,
    fps: plan.fps,
    ...(sound && { sound }),
    seed: String(plan.seed),
    seconds: { ...seconds },
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    resumedAt: resume?.step ?? 0,
  }
}

/** Tasks know no stage after the decoding: the file is written meanwhile. */
function hostProgress({ fraction, stage, step, of, secondsLeft }: Progress): HostProgress {
  const known = stage === 'writing' ? 'decoding' : stage
  return { fraction, stage: known, step, of, ...(secondsLeft !== undefined && { secondsLeft }) }
}

async function writePreview({ step, width, height, frame }: PreviewEvent, spec: RunSpec): Promise<void> {
  const jpeg = await encodeJpeg({ width, height, data: frame }, 70)
  await writeFile(join(spec.preview.folder, `${step}.jpg`), jpeg)
}
