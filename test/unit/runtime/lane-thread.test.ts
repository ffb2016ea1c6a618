/** Threads of lanes: taken again by later lanes, with nothing of the earlier in them. */
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LaneThread } from '../../../src/runtime/lane-thread.ts'
import type { OpenMessage, OpenReply, RunMessage } from '../../../src/runtime/lane-worker.ts'
import { sessionConfig } from '../../../src/runtime/session-config.ts'
import { twoOutputs } from '../../contract/backend-graphs.ts'
import { rejection } from '../../scratch.ts'

/** The threads that were started in the test. */
let started: Worker[]
const countStart = (worker: Worker) => void started.push(worker)

beforeEach(() => {
  started = []
  process.on('worker', countStart)
})
afterEach(() => {
  process.off('worker', countStart)
  vi.useRealTimers()
})

/** Lanes whose threads have loaded ONNX Runtime. */
async function open(count: number): Promise<LaneThread[]> {
  const lanes = Array.from({ length: count }, () => new LaneThread())
  await Promise.all(lanes.map(lane => lane.send('start', undefined)))
  return lanes
}
const close = async (lanes: readonly LaneThread[]) => {
  await Promise.all(lanes.map(lane => lane[Symbol.asyncDispose]()))
}

test('two threads of disposed lanes are kept for the next, which start no others', async () => {
  await close(await open(3))
  started = []
  const two = await open(2)
  expect(started).toHaveLength(0)
  const third = await open(1)
  expect(started).toHaveLength(1)
  await close([...two, ...third])
})

test('a thread has nothing of the lanes before', async () => {
  const [first] = (await open(1)) as [LaneThread]
  const config = sessionConfig(twoOutputs, { type: 'cpu' }, 1)
  const { id } = await first.send<OpenMessage, OpenReply>('open', { bytes: twoOutputs.bytes, config })
  await close([first])
  started = []
  const [second] = (await open(1)) as [LaneThread]
  expect(started).toHaveLength(0)
  const run = second.send<RunMessage>('run', { session: id, feeds: [], fetch: undefined, keep: [] })
  expect(await rejection(run)).toMatchObject({ message: `session ${id} was released` })
  await close([second])
})

test('a thread that nobody takes ends after a while', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  // More than are kept: one of them at least is started here.
  const lanes = await open(3)
  const ends = started.map(worker => once(worker, 'exit'))
  expect(ends.length).toBeGreaterThan(0)
  await close(lanes)
  vi.advanceTimersByTime(10_000)
  await Promise.all(ends)
  started = []
  const later = await open(1)
  expect(started).toHaveLength(1)
  await close(later)
})
