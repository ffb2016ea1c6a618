/** Many clients at once, while a video is made. */
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Answer, HttpClient } from '../../../bench/http-client.ts'
import { scratchFolder } from '../../scratch.ts'
import { startTestServer } from './test-server.ts'

const clients = 200
const seconds = 4
const pollMs = 1000

const { call, close } = new HttpClient(clients)

test(`${clients} clients that post and poll for ${seconds} s all get answers while a video is made`, async () => {
  await using server = await startTestServer(scratchFolder())
  const task = { model: 'gen4.5', promptText: 'a ball', ratio: '1280:720', duration: 2 }
  const long = await call(server.url, 'POST', '/v1/text_to_video', { ...task, numInferenceSteps: 1000 })
  const { id } = JSON.parse(long.body) as { id: string }
  const polls: number[] = []
  const wrong: Answer[] = []
  const stepNow = () => server.jobs.tasks.get(id)?.progress.step ?? 0
  while (stepNow() < 2) await wait(50)
  const before = stepNow()
  const until = performance.now() + seconds * 1000
  const client = async (number: number) => {
    // Not all at the same moment.
    await wait((number / clients) * pollMs)
    while (performance.now() < until) {
      const answer = await call(server.url, 'GET', `/v1/tasks/${id}`)
      polls.push(answer.ms)
      if (answer.status !== 200 || !answer.body.includes('"status":"')) wrong.push(answer)
      await wait(pollMs)
      // Some post, too; what they post is cancelled and deleted, for the queue not to grow.
      if (number % 20 !== 0) continue
      const posted = await call(server.url, 'POST', '/v1/text_to_video', task)
      if (posted.status !== 200) wrong.push(posted)
      const { id: made } = JSON.parse(posted.body) as { id: string }
      const deleted = await call(server.url, 'DELETE', `/v1/tasks/${made}`)
      if (deleted.status !== 204) wrong.push(deleted)
      await call(server.url, 'DELETE', `/v1/tasks/${made}`)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  close()
  expect(wrong).toEqual([])
  expect(polls.length).toBeGreaterThan(clients)
  polls.sort((a, b) => a - b)
  const at = (share: number) => polls[Math.floor(polls.length * share)]!.toFixed(1)
  console.info(`${polls.length} polls: median ${at(0.5)} ms, p99 ${at(0.99)} ms`)
  // The video went on meanwhile.
  expect(stepNow()).toBeGreaterThan(before)
  await server.jobs.cancel(id)
})
