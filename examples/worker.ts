/** A queue in one process: tasks are put into it and made by it, and survive its end. For a fleet see docs/worker.md. */
import { startServer } from 'framewright'

const [folder = './server'] = process.argv.slice(2)
await using server = await startServer({ folder, port: 0, devices: ['cpu'], logLevel: 'error' })

const created = await fetch(`${server.url}/v1/videos`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'doodle', prompt: 'a red ball bounces on a blue floor', seconds: '2' }),
})
let video = (await created.json()) as { id: string; status: string; error?: { message: string } }
while (video.status === 'queued' || video.status === 'in_progress') {
  await new Promise(resolve => setTimeout(resolve, 200))
  video = (await (await fetch(`${server.url}/v1/videos/${video.id}`)).json()) as typeof video
}
if (video.status !== 'completed') throw new Error(video.error?.message ?? video.status)
const content = await fetch(`${server.url}/v1/videos/${video.id}/content`)
console.log(
  `${video.id}: ${(await content.arrayBuffer()).byteLength} bytes of ${content.headers.get('content-type')}`,
)
