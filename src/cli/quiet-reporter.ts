import type { Reporter, Streams } from './reporter.ts'
import { noticeText } from './summary.ts'

/** The path of every video that was written. Notices are not left out: they go to the other stream. */
export function quietReporter({ out, err }: Streams): Reporter {
  return {
    event(_job, event) {
      if (event.type === 'video-written') out.write(`${event.path}\n`)
      if (event.type === 'notice') err.write(noticeText(event))
    },
    note: () => {},
    close: () => {},
  }
}
