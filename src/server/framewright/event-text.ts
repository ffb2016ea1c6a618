/** An event of a stream, as the HTML standard has it. */
export function eventText(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

/** Where events go. */
export interface EventSink {
  readonly send: (text: string) => void
  /** Whether the reader does not keep up. */
  readonly behind: () => boolean
  /** Aborts when the reader has gone. */
  readonly signal: AbortSignal
}
