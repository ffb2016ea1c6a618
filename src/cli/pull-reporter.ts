import type { PullEvent } from '../hub/events.ts'
import { progressLine } from './progress-line.ts'
import { bytesText, counted, durationText } from './quantities.ts'
import type { Streams } from './reporter.ts'

const clearLine = '\r\u001b[K'

/** A bar over all files on a terminal, a line for each file elsewhere; the model's folder at the end. */
export function pullReporter({ out, err }: Streams, { quiet }: { readonly quiet: boolean }) {
  const bar = err.isTTY === true && !quiet
  const tally = new Tally()
  const line = (text: string) => {
    if (!quiet) err.write(`${bar ? clearLine : ''}${text}\n`)
  }
  return {
    event(event: PullEvent): void {
      tally.take(event)
      if (event.type === 'pull-start')
        line(`${event.id}: ${counted(event.files, 'file')}, ${bytesText(event.bytes)}`)
      if (event.type === 'file-retry') {
        line(`${event.file}: ${event.reason}; again in ${durationText(event.delayMs / 1000)}`)
      }
      if (event.type === 'file-end' && !bar) {
        line(`${event.file}: ${event.reused ? 'is here' : bytesText(event.bytes)}`)
      }
      if (bar) err.write(clearLine + progressLine({ ...tally.view(), columns: err.columns || 80 }))
      if (event.type === 'pull-end') out.write(`${bar ? clearLine : ''}${event.path}\n`)
    },
    close: () => void (bar && err.write(clearLine)),
  }
}

/** How much of a pull is done, and how fast it goes. */
class Tally {
  #bytes = 0
  /** Of the files that ended. */
  #ended = 0
  /** Of the file under way. */
  #received = 0
  /** What was here before, which says nothing about the speed. */
  #before = 0
  #file = ''
  #started = performance.now()

  take(event: PullEvent): void {
    if (event.type === 'pull-start') {
      this.#bytes = event.bytes
      this.#started = performance.now()
    }
    if (event.type === 'file-progress') {
      if (event.file !== this.#file) this.#before += event.received
      this.#file = event.file
      this.#received = event.received
    }
    if (event.type === 'file-end') {
      if (event.reused) this.#before += event.bytes
      this.#ended += event.bytes
      this.#received = 0
    }
  }

  view(): { label: string; share: number; details: readonly string[] } {
    const done = this.#ended + this.#received
    const seconds = (performance.now() - this.#started) / 1000
    const speed = (done - this.#before) / seconds
    const left = (this.#bytes - done) / speed
    return {
      label: `${bytesText(done)} of ${bytesText(this.#bytes)}`,
      share: this.#bytes === 0 ? 1 : Math.min(1, done / this.#bytes),
      details:
        speed > 0 && seconds > 1 ? [`${bytesText(Math.round(speed))}/s`, `${durationText(left)} left`] : [],
    }
  }
}
