import type { Reporter, Streams } from './reporter.ts'
import { noticeText } from './summary.ts'

/** Every event as one line of JSON, with the number of its video. Notes and notices go to the other stream, too. */
export function jsonReporter({ out, err }: Streams): Reporter {
  const said = new Set<string>()
  return {
    event({ index }, event) {
      out.write(`${jsonLine({ video: index, ...event })}\n`)
      if (event.type !== 'notice' || said.has(event.message)) return
      said.add(event.message)
      err.write(noticeText(event))
    },
    note: text => void err.write(`${text}\n`),
    close: () => {},
  }
}

/** JSON without tensors and pictures, which are large and binary; 64-bit numbers as text, which JSON cannot hold. */
export function jsonLine(value: object): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return String(each)
    return isBinary(each) ? undefined : each
  })
}

function isBinary(value: unknown): boolean {
  if (ArrayBuffer.isView(value)) return true
  return typeof value === 'object' && value !== null && 'data' in value && ArrayBuffer.isView(value.data)
}
