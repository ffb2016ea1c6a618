import type { Input } from 'mediabunny'
import { readEditList } from '../edit-list.ts'

/** When the first picture of a file is presented, in seconds; 0 without pictures. */
export async function originOf(input: Input, path: string): Promise<number> {
  const video = await input.getPrimaryVideoTrack()
  if (video === null) return 0
  const edits = await readEditList(path, video.id)
  return Math.max(0, await video.getFirstTimestamp(), edits?.[0]?.presentedAt ?? 0)
}
