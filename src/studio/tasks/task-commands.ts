import type { TaskView } from '../../server/framewright/contract.ts'
import { CallError, call } from '../server/call.ts'
import { dropTask, knownTask, putTasks } from './task-store.ts'

/** Reads tasks that the page does not know yet. @returns ids of those that the server does not know. @throws CallError */
export async function readTasks(ids: readonly string[]): Promise<readonly string[]> {
  const missing: string[] = []
  for (const id of ids.filter(each => knownTask(each) === undefined)) {
    try {
      putTasks([await call<TaskView>(`v1/tasks/${id}/details`)])
    } catch (error) {
      if (!(error instanceof CallError && error.status === 404)) throw error
      missing.push(id)
    }
  }
  return missing
}

/** Stops a task, within a step where it runs. */
export async function cancelTask(id: string): Promise<void> {
  await call<undefined>(`v1/tasks/${id}`, { method: 'DELETE' })
  putTasks([await call<TaskView>(`v1/tasks/${id}/details`)])
}

/** Deletes a task that is at an end, with its files. */
export async function removeTask(id: string): Promise<void> {
  await call<undefined>(`v1/tasks/${id}`, { method: 'DELETE' })
  dropTask(id)
}

/** Makes the same again. */
export async function repeatTask({ model, request, loras, priority }: TaskView): Promise<TaskView> {
  const task = await call<TaskView>('v1/tasks', { body: { model, request, loras, priority } })
  putTasks([task])
  return task
}
