import { finalStates, type TaskRecord } from '../../jobs/task.ts'
import type { Services } from '../services.ts'
import type { AddressBook } from '../tasks/output-address.ts'
import type { OwnerEvents } from './contract.ts'
import { type EventSink, eventText } from './event-text.ts'
import { previewJpeg } from './preview-jpeg.ts'
import { taskView } from './task-view.ts'

/** Sends what happens to the tasks of an owner until the reader has gone. */
export async function sendOwnerEvents(
  services: Services,
  book: AddressBook,
  owner: string,
  { send, behind, signal }: EventSink,
): Promise<void> {
  const tell = <Name extends keyof OwnerEvents>(name: Name, data: OwnerEvents[Name]) =>
    send(eventText(name, data))
  const previewed = new Map<string, number>()
  for await (const { id, task } of services.jobs.watchOwner(owner, signal)) {
    if (!task) {
      tell('removed', { id })
      continue
    }
    const ended = finalStates.includes(task.state)
    // A reader that does not keep up misses steps, but no end.
    if (behind() && !ended) continue
    const preview = await newPreview(services, task, previewed)
    if (signal.aborted) return
    if (preview) tell('preview', preview)
    tell('task', taskView(book, task))
    if (ended) previewed.delete(id)
  }
}

/** The newest preview of a task, unless it was sent before or is gone. */
async function newPreview(
  { storage }: Services,
  { id, progress }: TaskRecord,
  previewed: Map<string, number>,
): Promise<OwnerEvents['preview'] | undefined> {
  const { preview } = progress
  if (!preview || preview.step <= (previewed.get(id) ?? 0)) return undefined
  previewed.set(id, preview.step)
  const jpeg = await previewJpeg(storage, preview)
  return jpeg === undefined ? undefined : { id, step: preview.step, jpeg }
}
