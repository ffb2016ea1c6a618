import { signal } from '@preact/signals'

/** Tasks that are compared at a time. */
export const mostCompared = 16

/** Tasks that something is to be done with together. */
export const chosenTasks = signal<readonly string[]>([])

export function chooseTask(id: string): void {
  if (!chosenTasks.value.includes(id)) toggleChosen(id)
}

export function toggleChosen(id: string): void {
  const { value: chosen } = chosenTasks
  chosenTasks.value = chosen.includes(id) ? chosen.filter(each => each !== id) : [...chosen, id]
}
