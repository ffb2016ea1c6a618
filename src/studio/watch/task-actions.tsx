import { useState } from 'preact/hooks'
import type { TaskView } from '../../server/framewright/contract.ts'
import { Icon, type IconName } from '../controls/icon.tsx'
import { continueTask, openTask } from '../make/open-task.ts'
import { modelNamed } from '../models/capabilities.ts'
import { messageOf, ownAddress } from '../server/call.ts'
import { selectTask } from '../tasks/selection.ts'
import { cancelTask, removeTask, repeatTask } from '../tasks/task-commands.ts'
import { texts } from '../texts/texts.ts'

/** What can be done with a task. */
export function TaskActions({ task }: { readonly task: TaskView }) {
  const [error, setError] = useState<string>()
  const { id, state, outputs } = task
  const model = modelNamed(task.model)
  const ended = state !== 'queued' && state !== 'running'
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
      <Action icon="edit" label={texts.task.edit} onPress={() => openTask(task)} />
      {outputs.video && model?.extends && (
        <Action icon="extend" label={texts.task.extend} onPress={() => continueTask(task, 'extend')} />
      )}
      {outputs.video && model?.modes.includes('video') && (
        <Action icon="film" label={texts.task.startFrom} onPress={() => continueTask(task, 'video')} />
      )}
      {outputs.video && (
        <a class="quiet" href={ownAddress(outputs.video)} download={fileName(task)}>
          <Icon name="download" />
          {texts.task.download}
        </a>
      )}
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

/** What is deleted is gone: it takes two presses. */
function Removal({ onRemove }: { readonly onRemove: () => void }) {
  const [asked, setAsked] = useState(false)
  if (!asked) return <Action icon="trash" label={texts.task.remove} onPress={() => setAsked(true)} />
  return (
    <span class="sure">
      <button type="button" class="danger" onClick={onRemove}>
        {texts.task.removeSure}
      </button>
      <button type="button" class="quiet" onClick={() => setAsked(false)}>
        {texts.task.keep}
      </button>
    </span>
  )
}

const longestName = 60

/** A name for the file of a task: its prompt, as far as file systems take it, and its seed. */
export function fileName({ request, result, id }: TaskView): string {
  const words =
    String(request.prompt ?? '')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  const name = words.join('-').slice(0, longestName) || id.slice(0, 8)
  return `${name}-${result?.seed ?? 0}.mp4`
}
