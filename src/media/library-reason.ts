import { messageOf } from '../errors.ts'

/** What a library says is wrong, fit for the middle of a message: its first line, without the full stop. */
export function libraryReason(error: unknown): string {
  return messageOf(error).trim().split('\n')[0]!.replace(/\.$/, '')
}
