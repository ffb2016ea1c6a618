import type { Reporter, Streams } from './reporter.ts'
import { truncationWarning } from './summary.ts'

/** The path of every video that was written. Warnings are not left out: they go to the other stream. */
export function quietReporter({ out, err }: Streams): Reporter {
  return {
    event(job, event) {
      if (event.type === 'video-written') out.write(`${event.path}\n`)
      if (event.type === 'conditioning-ready' && event.truncated) err.write(truncationWarning(job, event))
    },
    note: () => {},
    close: () => {},
  }
}
