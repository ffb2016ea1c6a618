/** A run that is ended after five seconds, or when the first preview shows what one does not want. */
import { CancelledError, generate } from 'framewright'

const controller = new AbortController()
const deadline = AbortSignal.timeout(5000)
const signal = AbortSignal.any([controller.signal, deadline])

try {
  const request = { prompt: 'a yellow star grows on a white background', steps: 500, output: 'abort.mp4' }
  for await (const event of generate({ ...request, signal, previewEvery: 5 })) {
    if (event.type !== 'preview') continue
    console.log(`preview of step ${event.step}: ${event.width}x${event.height}`)
    controller.abort()
  }
} catch (error) {
  if (!(error instanceof CancelledError)) throw error
  console.log('ended, and nothing was left behind')
}
