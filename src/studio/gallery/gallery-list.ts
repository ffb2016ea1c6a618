import { computed, signal } from '@preact/signals'
import type { TaskList, TaskView } from '../../server/framewright/contract.ts'
import { call, messageOf } from '../server/call.ts'
import { createdAt, knownTask, putTasks, taskOrder } from '../tasks/task-store.ts'

export const stateChoices = ['all', 'succeeded', 'active', 'failed'] as const
type StateChoice = (typeof stateChoices)[number]

const statesOf: Readonly<Record<StateChoice, readonly TaskView['state'][]>> = {
  all: ['queued', 'running', 'succeeded', 'failed', 'cancelled'],
  succeeded: ['succeeded'],
  active: ['queued', 'running'],
  failed: ['failed', 'cancelled'],
}

/** What the gallery is asked to show. */
export const gallerySearch = signal('')
export const galleryStates = signal<StateChoice>('all')

interface Loaded {
  /** In the order of the server: the newest first. */
  readonly ids: readonly string[]
  readonly next: string | undefined
  readonly loading: boolean
  readonly error: string | undefined
}

const nothing: Loaded = { ids: [], next: undefined, loading: true, error: undefined }

/** What the server has said so far. */
export const loaded = signal<Loaded>(nothing)

const pageLength = 100

/** The tasks to show: what the server listed, and what was made since; what was deleted is gone. */
export const galleryIds = computed<readonly string[]>(() => {
  const { ids } = loaded.value
  const listed = new Set(ids)
  const newest = ids[0] === undefined ? '' : createdAt(ids[0])
  const since: string[] = []
  for (const id of taskOrder.value) {
    if (createdAt(id) < newest) break
    if (!listed.has(id) && isAskedFor(id)) since.push(id)
  }
  return [...since, ...ids.filter(id => knownTask(id) !== undefined)]
})

let asking = new AbortController()

/** Reads the first page of what is asked for. */
export async function startGallery(): Promise<void> {
  asking.abort()
  asking = new AbortController()
  loaded.value = nothing
  await readPage(asking.signal)
}

/** Reads what follows, unless that is the end, or it is read already. */
export async function continueGallery(): Promise<void> {
  const { loading, next, error } = loaded.value
  if (loading || next === undefined || error !== undefined) return
  loaded.value = { ...loaded.value, loading: true }
  await readPage(asking.signal)
}

/** Asks again for the page that did not come. */
export async function retryGallery(): Promise<void> {
  loaded.value = { ...loaded.value, error: undefined, loading: true }
  await readPage(asking.signal)
}

async function readPage(signal: AbortSignal): Promise<void> {
  const { next: after } = loaded.value
  const query = new URLSearchParams({
    limit: String(pageLength),
    states: statesOf[galleryStates.value].join(),
    ...(gallerySearch.value.trim() !== '' && { search: gallerySearch.value.trim() }),
    ...(after !== undefined && { after }),
  })
  try {
    const { tasks, next } = await call<TaskList>(`v1/tasks?${query}`, { signal })
    putTasks(tasks)
    const ids = [...new Set([...loaded.value.ids, ...tasks.map(({ id }) => id)])]
    loaded.value = { ids, next, loading: false, error: undefined }
  } catch (error) {
    if (!signal.aborted) loaded.value = { ...loaded.value, loading: false, error: messageOf(error) }
  }
}

/** As the server judges it: by the state, and words of the request. */
function isAskedFor(id: string): boolean {
  const { state, request, model } = knownTask(id)!.peek().task
  const words = gallerySearch.value.trim().toLowerCase()
  const text = `${JSON.stringify(request)} ${model}`.toLowerCase()
  return statesOf[galleryStates.value].includes(state) && text.includes(words)
}
