import { send } from './call.ts'

export interface ServerEvent {
  readonly name: string
  readonly data: unknown
}

/**
 * Events of a stream, until it ends or the signal aborts. A browser's own reader of them sends no header, and so no key.
 * @throws CallError where the server refuses it or does not answer
 */
export async function* eventStream(path: string, signal: AbortSignal): AsyncIterable<ServerEvent> {
  const response = await send(path, { accept: 'text/event-stream', cache: 'no-store', signal })
  yield { name: 'open', data: undefined }
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (true) {
    const { done, value } = await reader.read()
    if (done) return
    text += value
    const whole = text.split('\n\n')
    text = whole.pop() ?? ''
    for (const each of whole) {
      const event = parseEvent(each)
      if (event) yield event
    }
  }
}

/** @returns undefined for a comment, which keeps the connection open */
function parseEvent(text: string): ServerEvent | undefined {
  const lines = text.split('\n')
  const of = (field: string) =>
    lines.filter(line => line.startsWith(`${field}: `)).map(line => line.slice(field.length + 2))
  const [name] = of('event')
  return name === undefined ? undefined : { name, data: JSON.parse(of('data').join('\n')) }
}
