import { signal } from '@preact/signals'
import type { OwnerEvents } from '../../server/framewright/contract.ts'
import { CallError } from '../server/call.ts'
import { eventStream, type ServerEvent } from '../server/event-stream.ts'
import { dropTask, putPreview, putTasks, refreshTasks } from './task-store.ts'

/** Whether the page hears of what happens. */
export const connection = signal<'connecting' | 'live' | 'lost'>('connecting')

const firstPauseMs = 500
const longestPauseMs = 8000

/** A tab that nobody sees holds no connection: a browser has six for all tabs of a server. */
const hiddenMs = 30_000

/** Keeps the page told of its tasks until the signal aborts; connects again after every loss. */
export async function followTasks(signal: AbortSignal): Promise<void> {
  let pauseMs = firstPauseMs
  while (!signal.aborted) {
    await untilVisible()
    const hidden = hiddenFor(hiddenMs)
    try {
      for await (const event of eventStream('v1/events', AbortSignal.any([signal, hidden.signal]))) {
        if (event.name === 'open') {
          pauseMs = firstPauseMs
          await refreshTasks(signal)
          connection.value = 'live'
        } else take(event)
      }
    } catch (error) {
      // A key has to come first: who enters one starts this again.
      if (error instanceof CallError && error.status === 401) return
    } finally {
      hidden.stop()
    }
    if (signal.aborted || hidden.signal.aborted) continue
    connection.value = 'lost'
    await pause(pauseMs, signal)
    pauseMs = Math.min(2 * pauseMs, longestPauseMs)
  }
}

function take({ name, data }: ServerEvent): void {
  if (name === 'task') putTasks([data as OwnerEvents['task']])
  if (name === 'removed') dropTask((data as OwnerEvents['removed']).id)
  if (name === 'preview') {
    const { id, jpeg } = data as OwnerEvents['preview']
    putPreview(id, jpeg)
  }
}

function untilVisible(): Promise<void> {
  if (document.visibilityState === 'visible') return Promise.resolve()
  return new Promise(resolve => {
    const look = () => {
      if (document.visibilityState !== 'visible') return
      document.removeEventListener('visibilitychange', look)
      resolve()
    }
    document.addEventListener('visibilitychange', look)
  })
}

/** A signal that aborts once the page has been hidden for so long. */
function hiddenFor(ms: number): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController()
  let timer = 0
  const look = () => {
    window.clearTimeout(timer)
    if (document.visibilityState === 'hidden') timer = window.setTimeout(() => controller.abort(), ms)
  }
  document.addEventListener('visibilitychange', look)
  return {
    signal: controller.signal,
    stop() {
      window.clearTimeout(timer)
      document.removeEventListener('visibilitychange', look)
    },
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      window.clearTimeout(timer)
      window.removeEventListener('online', done)
      resolve()
    }
    const timer = window.setTimeout(done, ms)
    window.addEventListener('online', done, { once: true })
    signal.addEventListener('abort', done, { once: true })
  })
}
