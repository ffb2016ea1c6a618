/**
 * A route handler for Next.js, `app/api/video/route.ts`: it sends what happens as server-sent events while the video is
 * made. `export const runtime = 'nodejs'` keeps it out of the edge runtime, and the package has to stay outside the
 * bundle: `serverExternalPackages: ['framewright']` in next.config.ts.
 */
import { generate } from 'framewright'

export const runtime = 'nodejs'
export const maxDuration = 300

export async function POST(request: Request): Promise<Response> {
  const { prompt } = (await request.json()) as { prompt: string }
  const { signal } = request
  const events = generate({ prompt, seed: 7, output: `public/${crypto.randomUUID()}.mp4`, signal })
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await events.next()
      if (done) return controller.close()
      if (value.type === 'step-end') send(controller, 'step', { step: value.step, of: value.of })
      else if (value.type === 'video-written') send(controller, 'video', { path: value.path })
      else send(controller, value.type, {})
    },
    async cancel() {
      await events.return()
    },
  })
  return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
}

function send(controller: ReadableStreamDefaultController<Uint8Array>, event: string, data: object): void {
  controller.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`))
}
