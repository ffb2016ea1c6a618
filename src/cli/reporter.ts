import type { RenderEvent } from '../engine/render.ts'
import { barReporter } from './bar-reporter.ts'
import { jsonReporter } from './json-reporter.ts'
import { plainReporter } from './plain-reporter.ts'
import { quietReporter } from './quiet-reporter.ts'
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

/** A bar on a terminal, plain lines elsewhere; JSON lines or the path alone where that was asked for. */
export function createReporter(
  { json, quiet, upscale }: { json?: boolean; quiet?: boolean; upscale?: { readonly factor: number } },
  videos: number,
  streams: Streams = { out: process.stdout, err: process.stderr },
): Reporter {
  if (json) return jsonReporter(streams)
  if (quiet) return quietReporter(streams)
  const options = { videos, factor: upscale?.factor ?? 1 }
  return streams.err.isTTY ? barReporter(streams, options) : plainReporter(streams, options)
}
