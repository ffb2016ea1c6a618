import { useEffect } from 'preact/hooks'
import { route } from '../route.ts'
import { connection } from '../tasks/live.ts'
import { selectTask } from '../tasks/selection.ts'
import { readTasks } from '../tasks/task-commands.ts'
import { Recent } from '../watch/recent.tsx'
import { Stage } from '../watch/stage.tsx'
import { Composer } from './composer.tsx'

/** The editor, the video, and what was made lately. An id in the address is of the task to show. */
export function MakeView() {
  const [id] = route.value.ids
  const live = connection.value === 'live'
  useEffect(() => {
    if (id === undefined) return
    selectTask(id)
    // An outage is shown by the connection, and what is missing is read when it is back.
    readTasks([id]).catch(() => undefined)
  }, [id, live])
  return (
    <main class="make-view">
      <Composer />
      <Stage />
      <Recent />
    </main>
  )
}
