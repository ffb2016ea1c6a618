import type { TaskChange } from './jobs.ts'
import { finalStates, type TaskRecord, taskStates } from './task.ts'
import type { TaskChanges } from './task-changes.ts'
import type { TaskStore } from './task-store.ts'
import { Wakeup } from './wakeup.ts'

export interface WatchedOwner {
  readonly store: Pick<TaskStore, 'get' | 'list' | 'placeOf'>
  readonly changes: TaskChanges
  readonly owner: string
  readonly signal: AbortSignal
  /** Whether the jobs are being disposed of, which ends the iteration. */
  readonly closing: () => boolean
  /** How often tasks that are not final are read without being announced; a lost connection swallows announcements, too. */
  readonly watchMs: number
}

const activeStates = taskStates.filter(state => !finalStates.includes(state))

/** Tasks that are not final are read so many at a time. */
const pageLength = 100

/** The tasks of an owner that are not final, and then each one that changes. */
export async function* watchOwner(watched: WatchedOwner): AsyncIterable<TaskChange> {
  const { store, changes, owner, signal, closing, watchMs } = watched
  const wakeup = new Wakeup()
  const changed = new Set<string>()
  const stopHearing = changes.onAny(id => {
    changed.add(id)
    wakeup.wake()
  })
  const wake = () => wakeup.wake()
  signal.addEventListener('abort', wake, { once: true })
  /** What was last told of the tasks that are not final. */
  const active = new Map<string, string>()
  try {
    for await (const task of activeTasks(watched)) {
      active.set(task.id, JSON.stringify(task))
      yield { id: task.id, task }
    }
    let lookedAt = performance.now()
    while (!signal.aborted && !closing()) {
      // Of tasks that wait nobody announces that others before them have ended.
      const due = performance.now() - lookedAt >= watchMs
      const ids = new Set([...changed, ...(due ? active.keys() : [])])
      if (due) lookedAt = performance.now()
      changed.clear()
      // All in one statement: the store reads together what is asked for together.
      for (const change of await Promise.all([...ids].map(read))) {
        if (signal.aborted) return
        if (change) yield change
      }
      if (changed.size === 0) await wakeup.next(watchMs)
    }
  } finally {
    stopHearing()
    signal.removeEventListener('abort', wake)
  }

  /** What has become of a task, where it is the owner's and something was not told. */
  async function read(id: string): Promise<TaskChange | undefined> {
    const task = await store.get(id)
    const before = active.get(id)
    if (!task) {
      active.delete(id)
      const own = before !== undefined || (await store.placeOf(owner, id)) !== undefined
      return own ? { id } : undefined
    }
    if (task.owner !== owner) return undefined
    const now = JSON.stringify(task)
    if (finalStates.includes(task.state)) active.delete(id)
    else active.set(id, now)
    return now === before ? undefined : { id, task }
  }
}

async function* activeTasks({ store, owner }: WatchedOwner): AsyncIterable<TaskRecord> {
  let after: string | undefined
  while (true) {
    const page = await store.list({
      owner,
      states: activeStates,
      limit: pageLength,
      order: 'asc',
      ...(after !== undefined && { after }),
    })
    yield* page
    if (page.length < pageLength) return
    after = await store.placeOf(owner, page.at(-1)!.id)
  }
}
