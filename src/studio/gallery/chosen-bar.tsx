import { useState } from 'preact/hooks'
import { Icon } from '../controls/icon.tsx'
import { Removal } from '../controls/removal.tsx'
import { goTo } from '../route.ts'
import { messageOf } from '../server/call.ts'
import { chosenTasks, mostCompared } from '../tasks/chosen.ts'
import { cancelTask, removeTask } from '../tasks/task-commands.ts'
import { isActive } from '../tasks/task-facts.ts'
import { knownTask } from '../tasks/task-store.ts'
import { texts } from '../texts/texts.ts'

/** What can be done with the tasks that are chosen; nothing while none is. */
export function ChosenBar() {
  const [error, setError] = useState<string>()
  const chosen = chosenTasks.value.filter(id => knownTask(id) !== undefined)
  if (chosen.length === 0) return null
  const compared = chosen.length >= 2 && chosen.length <= mostCompared
  const remove = async () => {
    setError(undefined)
    for (const id of chosen) {
      const task = knownTask(id)?.value.task
      if (task && isActive(task)) await cancelTask(id)
      await removeTask(id)
      chosenTasks.value = chosenTasks.value.filter(each => each !== id)
    }
  }
  return (
    <section class="chosen-bar" aria-label={texts.gallery.chosen(chosen.length)}>
      <p role="status">{texts.gallery.chosen(chosen.length)}</p>
      <button
        type="button"
        class="primary"
        disabled={!compared}
        title={compared ? undefined : texts.gallery.howMany(mostCompared)}
        onClick={() => goTo({ view: 'compare', ids: chosen })}
      >
        <Icon name="compare" />
        {texts.nav.compare}
      </button>
      <Removal
        key={chosen.join()}
        onRemove={() => void remove().catch((reason: unknown) => setError(messageOf(reason)))}
      />
      <button
        type="button"
        class="quiet"
        onClick={() => {
          chosenTasks.value = []
        }}
      >
        {texts.gallery.chooseNone}
      </button>
      {error && (
        <p class="issue" role="alert">
          {error}
        </p>
      )}
    </section>
  )
}
