import { addressOf } from '../route.ts'
import { selectedTask, selectTask } from '../tasks/selection.ts'
import { knownTask, taskOrder } from '../tasks/task-store.ts'
import { texts } from '../texts/texts.ts'
import { TaskCard } from './task-card.tsx'

const shown = 30

/** The tasks of late, the newest first. */
export function Recent() {
  const ids = taskOrder.value.slice(0, shown)
  return (
    <section class="recent" aria-label={texts.recent.label}>
      <h2>{texts.recent.label}</h2>
      {ids.length === 0 && <p class="muted">{texts.recent.empty}</p>}
      <ul>
        {ids.map(id => (
          <li key={id}>
            <RecentTask id={id} />
          </li>
        ))}
      </ul>
      {ids.length > 0 && (
        <a class="quiet" href={addressOf({ view: 'gallery' })}>
          {texts.recent.all}
        </a>
      )}
    </section>
  )
}

function RecentTask({ id }: { readonly id: string }) {
  const known = knownTask(id)?.value
  if (!known) return null
  return <TaskCard {...known} selected={selectedTask.value === id} onPress={() => selectTask(id)} />
}
