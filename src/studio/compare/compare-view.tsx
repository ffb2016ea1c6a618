import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { TaskView } from '../../server/framewright/contract.ts'
import { Icon } from '../controls/icon.tsx'
import { addressOf, route } from '../route.ts'
import { mostCompared } from '../tasks/chosen.ts'
import { connection } from '../tasks/live.ts'
import { readTasks } from '../tasks/task-commands.ts'
import { knownTask, taskOrder } from '../tasks/task-store.ts'
import { texts } from '../texts/texts.ts'
import { DifferenceTable } from './difference-table.tsx'
import { differencesOf, fitCaptions } from './differences.ts'
import { StepPlayer } from './step-player.tsx'

/** Ids of the address that the server does not know. */
const missing = signal<readonly string[]>([])

/** Tasks side by side, played in step, and what they were made differently in. */
export function CompareView() {
  const ids = route.value.ids.slice(0, mostCompared)
  const live = connection.value === 'live'
  useEffect(() => {
    // An outage is shown by the connection, and what is missing is read when it is back.
    const read = readTasks(ids).catch(() => [])
    void read.then(unknown => {
      missing.value = unknown
    })
  }, [ids.join(), live])
  // What is deleted, and what was read, changes the order.
  void taskOrder.value
  const tasks = ids.flatMap(id => knownTask(id)?.value.task ?? [])
  return (
    <main class="compare" id="stage" tabIndex={-1}>
      <h2 class="unseen">{texts.nav.compare}</h2>
      {ids.length === 0 ? <Invitation /> : <Comparison tasks={tasks} />}
      {missing.value.length > 0 && (
        <p class="notice" role="status">
          {texts.compare.missing(missing.value.length)}
        </p>
      )}
    </main>
  )
}

function Comparison({ tasks }: { readonly tasks: readonly TaskView[] }) {
  if (tasks.length === 0) return null
  const differences = differencesOf(tasks)
  return (
    <>
      <StepPlayer tasks={tasks} differences={differences} />
      {tasks.length > 1 && differences.length === 0 && <p class="muted">{texts.compare.same}</p>}
      {!fitCaptions(differences) && <DifferenceTable differences={differences} count={tasks.length} />}
    </>
  )
}

function Invitation() {
  return (
    <div class="frame empty">
      <Icon name="compare" />
      <p>{texts.compare.empty}</p>
      <a class="quiet" href={addressOf({ view: 'gallery' })}>
        {texts.compare.toGallery}
      </a>
    </div>
  )
}
