import type { TaskRecord } from '../../jobs/task.ts'
import { failureMessage } from '../tasks/failure-message.ts'
import { type AddressBook, outputAddress } from '../tasks/output-address.ts'
import { audioField } from '../tasks/task-audio.ts'
import { noticesField } from '../tasks/task-notices.ts'

/** A task as Runway's API shows it: one of six statuses, no other, for its clients give up on those. */
export function taskObject(book: AddressBook, task: TaskRecord): object {
  return { ...statusObject(book, task), ...audioField(task), ...noticesField(task) }
}

function statusObject(book: AddressBook, task: TaskRecord): object {
  const { id, createdAt, state, progress, failure } = task
  const free = { credits: 0 }
  switch (state) {
    case 'queued': {
      // Handed back by a worker: it was running once, and clients know no way back.
      const status = task.attempt > 0 ? 'RUNNING' : waiting(book, task)
      const about = status === 'RUNNING' && { progress: progress.fraction }
      return { id, createdAt, status, estimatedCost: free, ...about }
    }
    case 'running':
      return { id, createdAt, status: 'RUNNING', estimatedCost: free, progress: progress.fraction }
    case 'succeeded':
      return {
        id,
        createdAt,
        status: 'SUCCEEDED',
        cost: free,
        output: [outputAddress(book, task, 'video')],
      }
    case 'failed':
      return {
        id,
        createdAt,
        status: 'FAILED',
        cost: free,
        failure: failureMessage(task),
        failureCode: failureCode(failure?.code),
      }
    case 'cancelled':
      return { id, createdAt, status: 'CANCELLED', cost: free }
  }
}

/** More than can run at a time is THROTTLED: accepted, and started when there is room. */
function waiting({ settings }: AddressBook, { ahead }: TaskRecord): 'PENDING' | 'THROTTLED' {
  return ahead >= settings.lanes ? 'THROTTLED' : 'PENDING'
}

/** Codes that clients of Runway act on: fix the file, fix the request, or try again. */
function failureCode(code = ''): string {
  if (code === 'media/input') return 'ASSET.INVALID'
  if (code.startsWith('request/')) return 'INPUT.INVALID'
  return 'INTERNAL'
}
