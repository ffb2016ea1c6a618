import type { RenderEvent } from '../engine/render.ts'
import type { VideoJob } from './video-jobs.ts'

/** What a run is at, in words, for who interrupts it. */
export class Activity {
  readonly #doing = new Map<VideoJob, string>()

  event(job: VideoJob, event: RenderEvent): void {
    const doing = doingAfter(event)
    if (doing !== undefined) this.#doing.set(job, doing)
    if (event.type === 'video-written') this.#doing.delete(job)
  }

  get text(): string {
    return [...new Set(this.#doing.values())].join(', ') || 'the loading of the model'
  }
}

/** What begins with an event; undefined where nothing else does. */
function doingAfter(event: RenderEvent): string | undefined {
  switch (event.type) {
    case 'start':
      return 'the encoding of the prompt'
    case 'conditioning-ready':
      return 'the first step'
    case 'step-end':
      return event.step < event.of ? `step ${event.step + 1}/${event.of}` : 'the decoding'
    case 'video-end':
      return 'the writing of the file'
    default:
      return undefined
  }
}
