import type { TaskRecord } from '../../jobs/task.ts'
import { videoId } from '../openai/video-object.ts'
import { taskObject } from '../runway/task-object.ts'
import type { AddressBook } from '../tasks/output-address.ts'

/** The end of a task as the interface that it came through tells it. */
export function webhookEvent(book: AddressBook, task: TaskRecord): object {
  const ended = Math.floor(Date.parse(task.finishedAt ?? task.createdAt) / 1000)
  // No request is answered: the address that the task was made at will do.
  const reachedAt = typeof task.about.address === 'string' ? task.about.address : book.address
  if (task.api === 'openai') {
    const type = task.state === 'succeeded' ? 'video.completed' : 'video.failed'
    return { id: `evt_${task.id}`, object: 'event', type, created_at: ended, data: { id: videoId(task) } }
  }
  return {
    type: `task.${task.state}`,
    created_at: ended,
    data: taskObject({ ...book, address: reachedAt }, task),
  }
}
