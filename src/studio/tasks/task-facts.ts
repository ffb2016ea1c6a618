import type { TaskView } from '../../server/framewright/contract.ts'
import { texts } from '../texts/texts.ts'

/** Whether a task is queued or running. */
export function isActive({ state }: TaskView): boolean {
  return state === 'queued' || state === 'running'
}

/** The prompt of a task, or a text in place of an empty one. */
export function promptOf({ request }: TaskView): string {
  return String(request.prompt || texts.task.noPrompt)
}
