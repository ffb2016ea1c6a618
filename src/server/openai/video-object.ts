import { finalStates, type TaskRecord } from '../../jobs/task.ts'
import { failureMessage } from '../tasks/failure-message.ts'
import { type AddressBook, outputAddress } from '../tasks/output-address.ts'
import { audioField } from '../tasks/task-audio.ts'
import { noticesField } from '../tasks/task-notices.ts'

const prefix = 'video_'

/** The id of a task in this API. */
export function videoId({ id }: Pick<TaskRecord, 'id'>): string {
  return prefix + id
}

/** The id of a task, with or without this API's prefix. */
export function taskId(id: string): string {
  return id.startsWith(prefix) ? id.slice(prefix.length) : id
}

const statuses = {
  queued: 'queued',
  running: 'in_progress',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'failed',
} as const

/** A task as OpenAI's videos API shows it, with the times and memory that SGLang and vLLM-Omni report. */
export function videoObject(book: AddressBook, task: TaskRecord): object {
  const { about, state, result, progress } = task
  const percent = state === 'succeeded' ? 100 : Math.min(99, Math.floor(progress.fraction * 100))
  return {
    id: videoId(task),
    object: 'video',
    created_at: seconds(task.createdAt),
    completed_at: state === 'succeeded' && task.finishedAt ? seconds(task.finishedAt) : null,
    expires_at: null,
    error: errorOf(task),
    model: about.model,
    progress: percent,
    prompt: about.prompt ?? null,
    remixed_from_video_id: about.remixedFrom ?? null,
    // What was asked for, until it is known what was made of it.
    seconds: result ? lengthOf(result) : about.seconds,
    size: result ? `${result.width}x${result.height}` : about.size,
    status: statuses[state],
    seed: about.seed,
    ...noticesField(task),
    ...audioField(task),
    ...(result && {
      num_frames: result.frames,
      fps: result.fps,
      media_type: 'video/mp4',
      url: outputAddress(book, task, 'video'),
      inference_time_s: result.seconds.total,
      stage_durations: result.seconds,
      peak_memory_mb: Math.round(result.peakMemoryBytes / 2 ** 20),
    }),
  }
}

/** When a client should ask again: it is told, as OpenAI's servers tell it. */
export function pollHeaders(task: TaskRecord): Record<string, string> {
  if (finalStates.includes(task.state)) return {}
  const leftMs = (task.progress.secondsLeft ?? 2) * 1000
  return { 'openai-poll-after-ms': String(Math.round(Math.min(Math.max(leftMs / 2, 500), 5_000))) }
}

function errorOf(task: TaskRecord): object | null {
  const { state, failure } = task
  if (state === 'cancelled') return { code: 'cancelled', message: 'The video was cancelled.' }
  return failure ? { code: failure.code, message: failureMessage(task) } : null
}

/** Seconds that a video lasts, as the API writes them: of an extension, with the video that it goes on from. */
export function lengthOf({ frames, fps }: { readonly frames: number; readonly fps: number }): string {
  return String(Number((frames / fps).toFixed(2)))
}

function seconds(date: string): number {
  return Math.floor(Date.parse(date) / 1000)
}
