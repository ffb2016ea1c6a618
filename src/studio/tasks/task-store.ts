import { type Signal, signal } from '@preact/signals'
import type { TaskList, TaskView } from '../../server/framewright/contract.ts'
import { call } from '../server/call.ts'
import { isActive } from './task-facts.ts'

/** A task that the page knows, with what it was shown of it. */
export interface KnownTask {
  readonly task: TaskView
  /** The picture of the newest preview, as an address. */
  readonly preview?: string
}

const known = new Map<string, Signal<KnownTask>>()

/** Ids of the tasks that the page has read, the newest first. */
export const taskOrder = signal<readonly string[]>([])

/** Ids of tasks that are not at an end, in the order in which they are made. */
export const activeTasks = signal<readonly string[]>([])

/** The last task that ended while the page was open. */
export const lastEnded = signal<TaskView | undefined>(undefined)

export function knownTask(id: string): Signal<KnownTask> | undefined {
  return known.get(id)
}

/** Takes what the server says of tasks. */
export function putTasks(tasks: readonly TaskView[]): void {
  if (tasks.length === 0) return
  const added = tasks.filter(task => !known.has(task.id))
  for (const task of tasks) putTask(task)
  if (added.length > 0) {
    const order = [...taskOrder.value, ...added.map(({ id }) => id)]
    taskOrder.value = order.sort((a, b) => compareText(createdAt(b), createdAt(a)))
  }
  const ordered = taskOrder.value
    .filter(id => isActive(known.get(id)!.value.task))
    .sort((a, b) => goesBefore(a) - goesBefore(b) || compareText(createdAt(a), createdAt(b)))
  if (ordered.join() !== activeTasks.value.join()) activeTasks.value = ordered
}

export function putPreview(id: string, jpeg: string): void {
  const task = known.get(id)
  if (task) task.value = { ...task.value, preview: `data:image/jpeg;base64,${jpeg}` }
}

export function dropTask(id: string): void {
  known.delete(id)
  taskOrder.value = taskOrder.value.filter(each => each !== id)
  activeTasks.value = activeTasks.value.filter(each => each !== id)
}

/** Reads the newest tasks again: what happened while nobody told the page. */
export async function refreshTasks(signal?: AbortSignal): Promise<void> {
  const { tasks } = await call<TaskList>('v1/tasks?limit=50', signal ? { signal } : {})
  putTasks(tasks)
}

function putTask(task: TaskView): void {
  const before = known.get(task.id)
  if (!before) {
    known.set(task.id, signal<KnownTask>({ task }))
    return
  }
  const wasActive = isActive(before.value.task)
  // An answer that was overtaken by the events: a task that is at an end stays there.
  if (!wasActive && isActive(task)) return
  before.value = { ...before.value, task }
  if (wasActive && !isActive(task)) lastEnded.value = task
}

/** When a task was created, as text that sorts; empty for one that the page does not know. */
export const createdAt = (id: string) => known.get(id)?.peek().task.createdAt ?? ''

const goesBefore = (id: string) => {
  const { state, ahead } = known.get(id)!.value.task
  return state === 'running' ? -1 : ahead
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
