import type { RenderEvent } from '../engine/render.ts'
import type { VideoEndEvent } from '../pipeline/events.ts'
import { progressLine } from './progress-line.ts'
import { durationText } from './quantities.ts'
import type { Reporter, Streams } from './reporter.ts'
import { StepClock } from './step-clock.ts'
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

interface VideoState {
  readonly doing: string
  /** 0 to 1. */
  readonly share: number
  readonly secondsLeft: number | undefined
}

/** How far a run of several videos is. */
class RunState {
  readonly #videos: number
  readonly #running = new Map<VideoJob, VideoState>()
  readonly #clock = new StepClock()
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
    if (event.type === 'preview' || event.type === 'memory-plan' || event.type === 'notice') return
    if (event.type === 'step-end') this.#clock.add(event.seconds)
    this.#running.set(job, stateAfter(event, this.#clock))
  }

  view(): { label: string; share: number; details: readonly string[] } {
    const running = [...this.#running.values()]
    const share = (this.#done + running.reduce((sum, { share }) => sum + share, 0)) / this.#videos
    const perStep = this.#clock.secondsPerStep
    const left = this.#videos === 1 ? running[0]?.secondsLeft : this.#extrapolated(share)
    return {
      label: this.#videos === 1 ? (running[0]?.doing ?? '') : `video ${this.#done + 1}/${this.#videos}`,
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

/** Steps count for nine tenths of a video, decoding for the rest. */
const stepsShare = 0.9

function stateAfter(
  event: Exclude<RenderEvent, { type: 'video-written' | 'preview' | 'memory-plan' | 'notice' }>,
  clock: StepClock,
): VideoState {
  switch (event.type) {
    case 'start':
      return { doing: 'reading the prompt', share: 0, secondsLeft: undefined }
    case 'conditioning-ready':
      return { doing: 'first step', share: 0, secondsLeft: undefined }
    case 'step-end': {
      const share = (stepsShare * event.step) / event.of
      const secondsLeft = clock.secondsLeft(event.of - event.step)
      return { doing: `step ${event.step}/${event.of}`, share, secondsLeft }
    }
    case 'frames-decoded': {
      const frames = event.first + event.count
      const share = stepsShare + ((1 - stepsShare) * frames) / event.of
      return { doing: `decoding ${frames}/${event.of}`, share, secondsLeft: undefined }
    }
    case 'video-end':
      return { doing: 'writing', share: 1, secondsLeft: undefined }
  }
}
