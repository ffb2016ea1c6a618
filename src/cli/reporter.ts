import type { RenderEvent } from '../engine/render.ts'
import type { VideoJob } from './video-jobs.ts'

/** Tells the user what happens. */
export interface Reporter {
  event(job: VideoJob, event: RenderEvent): void
  /** A sentence beside the events. */
  note(text: string): void
  /** Leaves the terminal as it was. */
  close(): void
}

/** Where a reporter writes: results to `out`, everything else to `err`. */
export interface Streams {
  readonly out: { write(text: string): unknown }
  readonly err: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number }
}
