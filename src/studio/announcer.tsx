import type { TaskView } from '../server/framewright/contract.ts'
import { promptOf } from './tasks/task-facts.ts'
import { lastEnded } from './tasks/task-store.ts'
import { texts } from './texts/texts.ts'

const longestName = 80

/** Tells screen readers of videos that have come to an end. */
export function Announcer() {
  const ended = lastEnded.value
  return (
    <p class="unseen" role="status">
      {ended && ended.state !== 'cancelled' ? endText(ended) : ''}
    </p>
  )
}

function endText(task: TaskView): string {
  const name = promptOf(task).slice(0, longestName)
  return task.state === 'failed' ? texts.task.failedNamed(name) : texts.task.ended(name)
}
