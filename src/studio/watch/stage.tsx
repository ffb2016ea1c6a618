import { Icon } from '../controls/icon.tsx'
import { selectedTask } from '../tasks/selection.ts'
import { isActive, promptOf } from '../tasks/task-facts.ts'
import { type KnownTask, knownTask } from '../tasks/task-store.ts'
import { texts } from '../texts/texts.ts'
import { Player } from './player.tsx'
import { Progress } from './progress.tsx'
import { TaskActions } from './task-actions.tsx'

/** The selected task: its pictures while it is made, its video afterwards, or why there is none. */
export function Stage() {
  const id = selectedTask.value
  const known = id === undefined ? undefined : knownTask(id)?.value
  return (
    <section class="stage" id="stage" aria-label={texts.stage.label} tabIndex={-1}>
      {known ? <StagedTask key={id} {...known} /> : <EmptyStage />}
    </section>
  )
}

function StagedTask({ task, preview }: KnownTask) {
  const { state, failure, notices } = task
  return (
    <>
      {state === 'succeeded' && <Player task={task} />}
      {isActive(task) && <Progress task={task} preview={preview} />}
      {state === 'failed' && (
        <div class="frame failed" role="alert">
          <p>{texts.task.failed}</p>
          <p class="error">{failure?.message}</p>
        </div>
      )}
      {state === 'cancelled' && (
        <div class="frame">
          <p class="muted">{texts.task.states.cancelled}</p>
        </div>
      )}
      <p class="stage-prompt">{promptOf(task)}</p>
      {notices.length > 0 && (
        <ul class="notices">
          {notices.map(({ message }) => (
            <li class="notice" key={message}>
              {message}
            </li>
          ))}
        </ul>
      )}
      <TaskActions task={task} />
    </>
  )
}

function EmptyStage() {
  return (
    <div class="frame empty">
      <Icon name="film" />
      <p>{texts.stage.empty}</p>
      <p class="muted">{texts.stage.emptyHint}</p>
    </div>
  )
}
