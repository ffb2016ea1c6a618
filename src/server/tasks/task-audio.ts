import type { TaskRecord, TaskSound } from '../../jobs/task.ts'

/** The sound of a finished video, for the APIs that have a field `audio`; null for a silent one. */
export function audioField({ result }: TaskRecord): { readonly audio?: TaskSound | null } {
  return result ? { audio: result.sound ?? null } : {}
}
