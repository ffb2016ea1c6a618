import type { TaskRecord } from '../../jobs/task.ts'

const longestName = 60

/** A name for a file that a task has made: letters and digits of its prompt, and its seed. */
export function outputFileName(
  { id, request, result }: Pick<TaskRecord, 'id' | 'request' | 'result'>,
  ending: string,
): string {
  const words =
    String(request.generate.prompt ?? '')
      .slice(0, 10 * longestName)
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  const name = Array.from(words.join('-')).slice(0, longestName).join('') || id.slice(0, 8)
  return `${name}-${result?.seed ?? 0}.${ending}`
}
