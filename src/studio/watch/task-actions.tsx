import { useState } from 'preact/hooks'
import type { TaskView } from '../../server/framewright/contract.ts'
import { Icon, type IconName } from '../controls/icon.tsx'
import { Removal } from '../controls/removal.tsx'
import { continueTask, openTask } from '../make/open-task.ts'
import { modelNamed } from '../models/capabilities.ts'
import { goTo } from '../route.ts'
import { messageOf } from '../server/call.ts'
import { chooseTask } from '../tasks/chosen.ts'
import { selectTask } from '../tasks/selection.ts'
import { cancelTask, removeTask, repeatTask } from '../tasks/task-commands.ts'
import { isActive } from '../tasks/task-facts.ts'
import { texts } from '../texts/texts.ts'
import { Downloads } from './downloads.tsx'

/** What can be done with a task. */
export function TaskActions({ task }: { readonly task: TaskView }) {
  const [error, setError] = useState<string>()
  const { id, state, outputs } = task
  const model = modelNamed(task.model)
  const ended = !isActive(task)
  const attempt = (work: () => Promise<unknown>) => () => {
    setError(undefined)
    work().catch((reason: unknown) => setError(messageOf(reason)))
  }
  const retry = attempt(async () => selectTask((await repeatTask(task)).id))
  return (
    <div class="task-actions">
      {!ended && <Action icon="close" label={texts.task.cancel} onPress={attempt(() => cancelTask(id))} />}
      {(state === 'failed' || state === 'cancelled') && (
        <Action icon="retry" label={texts.task.retry} onPress={retry} />
      )}
      <Action icon="edit" label={texts.task.edit} onPress={attempt(() => openTask(task))} />
      {outputs.video && model?.extends && (
        <Action
          icon="extend"
          label={texts.task.extend}
          onPress={attempt(() => continueTask(task, 'extend'))}
        />
      )}
      {outputs.video && model?.modes.includes('video') && (
        <Action
          icon="film"
          label={texts.task.startFrom}
          onPress={attempt(() => continueTask(task, 'video'))}
        />
      )}
      {outputs.video && (
        <Action
          icon="compare"
          label={texts.compare.with}
          onPress={() => {
            chooseTask(id)
            goTo({ view: 'gallery' })
          }}
        />
      )}
      <Downloads task={task} />
      {ended && <Removal onRemove={attempt(() => removeTask(id))} />}
      {error && (
        <p class="issue" role="alert">
          {error}
        </p>
      )}
    </div>
  )
}

interface ActionProps {
  readonly icon: IconName
  readonly label: string
  readonly onPress: () => void
}

function Action({ icon, label, onPress }: ActionProps) {
  return (
    <button type="button" class="quiet" onClick={onPress}>
      <Icon name={icon} />
      {label}
    </button>
  )
}
