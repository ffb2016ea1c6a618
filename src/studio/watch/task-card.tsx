import type { TaskView } from '../../server/framewright/contract.ts'
import { whenText } from '../format.ts'
import { ownAddress } from '../server/call.ts'
import { promptOf } from '../tasks/task-facts.ts'
import { texts } from '../texts/texts.ts'

interface TaskCardProps {
  readonly task: TaskView
  readonly preview?: string
  /** Whether it is what is shown; undefined where none is. */
  readonly selected?: boolean
  readonly onPress: () => void
}

/** A task as a picture and its prompt. */
export function TaskCard({ task, preview, selected, onPress }: TaskCardProps) {
  const { state, outputs, progress } = task
  const picture = outputs.thumbnail ?? progress.preview?.url
  const address = state === 'running' && preview ? preview : picture && ownAddress(picture)
  const prompt = promptOf(task)
  return (
    <button
      type="button"
      class={`card ${state}`}
      aria-pressed={selected}
      onClick={onPress}
      title={prompt.slice(0, 500)}
    >
      <span class="card-picture">
        {address && <img src={address} alt="" loading="lazy" />}
        {state === 'running' && <progress max={1} value={progress.fraction} aria-hidden="true" />}
      </span>
      <span class="card-text">
        <span class="card-prompt">{prompt.slice(0, 200)}</span>
        <span class="muted">
          {texts.task.states[state]} · {whenText(task.createdAt)}
        </span>
      </span>
    </button>
  )
}
