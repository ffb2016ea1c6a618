import { lastEnded } from './tasks/task-store.ts'
import { texts } from './texts/texts.ts'

const longestName = 80

/** Tells screen readers of videos that have come to an end. */
export function Announcer() {
  const ended = lastEnded.value
  const name = String(ended?.request.prompt || texts.task.noPrompt).slice(0, longestName)
  const text = ended?.state === 'failed' ? texts.task.failedNamed(name) : texts.task.ended(name)
  return (
    <p class="unseen" role="status">
      {ended && ended.state !== 'cancelled' ? text : ''}
    </p>
  )
}
