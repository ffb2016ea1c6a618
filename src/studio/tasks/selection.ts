import { computed, signal } from '@preact/signals'
import { activeTasks, taskOrder } from './task-store.ts'

const picked = signal<string | undefined>(undefined)

/** The task on the stage: the one that was picked, else what runs, else the newest. */
export const selectedTask = computed(() => {
  const { value: order } = taskOrder
  if (picked.value !== undefined && order.includes(picked.value)) return picked.value
  return activeTasks.value[0] ?? order[0]
})

export function selectTask(id: string): void {
  picked.value = id
}
