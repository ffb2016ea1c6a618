import type { VideoEndEvent } from '../pipeline/events.ts'
import { ProgressTracker } from '../pipeline/progress.ts'
import { durationText } from './quantities.ts'
import type { Reporter, Streams } from './reporter.ts'
import { memoryPlanText, noticeText, startText, summaryText } from './summary.ts'
import type { VideoJob } from './video-jobs.ts'

/** A line for every event, for logs. */
export function plainReporter(
  { out, err }: Streams,
  { videos, factor }: { readonly videos: number; readonly factor: number },
): Reporter {
  const trackers = new Map<VideoJob, ProgressTracker>()
  const ends = new Map<VideoJob, VideoEndEvent>()
  return {
    event(job, event) {
      const line = (text: string) => err.write(`${videos > 1 ? `[${job.index}/${videos}] ` : ''}${text}\n`)
      if (event.type === 'start') line(startText(event))
      if (event.type === 'notice') err.write(noticeText(event))
      const tracker = trackers.get(job) ?? new ProgressTracker()
      trackers.set(job, tracker)
      tracker.take(event)
      if (event.type === 'step-end') {
        const { secondsPerStep = event.seconds, secondsLeft = 0 } = tracker.now
        const pace = `${durationText(secondsPerStep)} a step, ${durationText(secondsLeft)} left`
        line(`step ${event.step}/${event.of}, ${pace}`)
      }
      if (event.type === 'memory-plan') line(memoryPlanText(event))
      if (event.type === 'frames-decoded') line(`decoded ${event.first + event.count}/${event.of} frames`)
      if (event.type === 'video-end') ends.set(job, event)
      if (event.type === 'video-written') out.write(summaryText(event, ends.get(job)!, factor))
    },
    note: text => void err.write(`${text}\n`),
    close: () => {},
  }
}
