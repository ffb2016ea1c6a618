import type { TaskRecord } from '../../jobs/contract.ts'
import { videoId } from '../openai/video-object.ts'
import { taskObject } from '../runway/task-object.ts'
import type { AddressBook } from '../tasks/output-address.ts'

/** The end of a task as the interface that it came through tells it. */
export function webhookEvent(addresses: AddressBook, task: TaskRecord): object {
  const ended = Math.floor(Date.parse(task.finishedAt ?? task.createdAt) / 1000)
  if (task.api === 'openai') {
    const type = task.state === 'succeeded' ? 'video.completed' : 'video.failed'
    return { id: `evt_${task.id}`, object: 'event', type, created_at: ended, data: { id: videoId(task) } }
  }
  return { type: `task.${task.state}`, created_at: ended, data: taskObject(addresses, task) }
}
