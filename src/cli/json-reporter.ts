import type { Reporter, Streams } from './reporter.ts'

/** Every event as one line of JSON, with the number of its video. Notes go to the other stream. */
export function jsonReporter({ out, err }: Streams): Reporter {
  return {
    event: ({ index }, event) => void out.write(`${jsonLine({ video: index, ...event })}\n`),
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
