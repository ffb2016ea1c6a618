import type { RenderEvent } from '../engine/render.ts'
import type { VideoEndEvent } from '../pipeline/events.ts'
import { type Progress, ProgressTracker } from '../pipeline/progress.ts'
import { progressLine } from './progress-line.ts'
import { durationText } from './quantities.ts'
import type { Reporter, Streams } from './reporter.ts'
import { memoryPlanText, noticeText, startText, summaryText } from './summary.ts'
import type { VideoJob } from './video-jobs.ts'

const clearLine = '\r\u001b[K'

/** One bar at the bottom of a terminal, for all videos together; what stays is written above it. */
export function barReporter(
  { out, err }: Streams,
  { videos, factor }: { readonly videos: number; readonly factor: number },
): Reporter {
  const state = new RunState(videos)
  const ends = new Map<VideoJob, VideoEndEvent>()
  const draw = () => err.write(clearLine + progressLine({ ...state.view(), columns: err.columns || 80 }))
  const above = (stream: Streams['out'], text: string) => {
    err.write(clearLine)
    stream.write(text)
  }
  return {
    event(job, event) {
      state.take(job, event)
      if (event.type === 'start') above(err, `${startText(event)}\n`)
      if (event.type === 'notice') above(err, noticeText(event))
      if (event.type === 'memory-plan') above(err, `${memoryPlanText(event)}\n`)
      if (event.type === 'video-end') ends.set(job, event)
      if (event.type === 'video-written') above(out, summaryText(event, ends.get(job)!, factor))
      if (!state.finished) draw()
    },
    note: text => above(err, `${text}\n`),
    close: () => void err.write(clearLine),
  }
}

/** How far a run of several videos is. */
class RunState {
  readonly #videos: number
  readonly #running = new Map<VideoJob, ProgressTracker>()
  readonly #started = performance.now()
  #done = 0

  constructor(videos: number) {
    this.#videos = videos
  }

  get finished(): boolean {
    return this.#done === this.#videos
  }

  take(job: VideoJob, event: RenderEvent): void {
    if (event.type === 'video-written') {
      this.#running.delete(job)
      this.#done++
      return
    }
    const tracker = this.#running.get(job) ?? new ProgressTracker()
    this.#running.set(job, tracker)
    tracker.take(event)
  }

  view(): { label: string; share: number; details: readonly string[] } {
    const running = [...this.#running.values()].map(({ now }) => now)
    const share = (this.#done + running.reduce((sum, { fraction }) => sum + fraction, 0)) / this.#videos
    const perStep = running.find(({ secondsPerStep }) => secondsPerStep !== undefined)?.secondsPerStep
    const left = this.#videos === 1 ? running[0]?.secondsLeft : this.#extrapolated(share)
    const label = running[0] && labelOf(running[0])
    return {
      label: this.#videos === 1 ? (label ?? '') : `video ${this.#done + 1}/${this.#videos}`,
      share,
      details: [
        ...(perStep === undefined ? [] : [`${durationText(perStep)} a step`]),
        ...(left === undefined ? [] : [`${durationText(left)} left`]),
      ],
    }
  }

  #extrapolated(share: number): number | undefined {
    if (share === 0) return undefined
    return (((performance.now() - this.#started) / 1000) * (1 - share)) / share
  }
}

function labelOf({ stage, step, of, frames, framesOf }: Progress): string {
  if (stage === 'loading') return ''
  if (stage === 'conditioning') return 'reading the prompt'
  if (stage === 'denoising') return step === 0 ? 'first step' : `step ${step}/${of}`
  return stage === 'decoding' ? `decoding ${frames}/${framesOf}` : stage
}
