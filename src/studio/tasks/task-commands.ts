import type { TaskView } from '../../server/framewright/contract.ts'
import { call } from '../server/call.ts'
import { dropTask, putTasks } from './task-store.ts'

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
export async function repeatTask({ model, request, loras }: TaskView): Promise<TaskView> {
  const task = await call<TaskView>('v1/tasks', { body: { model, request, loras } })
  putTasks([task])
  return task
}
