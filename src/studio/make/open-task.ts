import type { TaskView } from '../../server/framewright/contract.ts'
import type { Placed, Source } from '../direct/source.ts'
import { isFileField } from '../models/capabilities.ts'
import { ownAddress, send } from '../server/call.ts'
import { draft, emptyDraft } from './draft.ts'

/** Puts the settings of a task into the editor, with the files that it was made from. @throws CallError */
export async function openTask(task: TaskView): Promise<void> {
  const { request, loras, model } = task
  const { image, lastImage, keyframes = [], video, mask, references = [], extend, seed } = request
  const values = Object.entries(request).filter(([name]) => !isFileField(name) && name !== 'seed')
  const sources = new Map(
    await Promise.all(Object.keys(task.files).map(async key => [key, await sourceOf(task, key)] as const)),
  )
  const source = (address: unknown) => sources.get(address as string)
  const place = (address: unknown, frame: number, strength: number): Placed[] => {
    const found = source(address)
    return found ? [{ ...found, frame, strength }] : []
  }
  const last = Number(request.frames ?? 1) - 1
  const between = (keyframes as readonly { frame: number; path: string; strength?: number }[]).flatMap(each =>
    // Below 0 it is counted from the end.
    place(each.path, each.frame < 0 ? last + 1 + each.frame : each.frame, each.strength ?? 1),
  )
  draft.value = {
    ...emptyDraft,
    model,
    values: Object.fromEntries(values),
    seed: String(seed ?? ''),
    seedLocked: seed !== undefined,
    loras,
    priority: task.priority,
    placed: [...place(image, 0, 1), ...place(lastImage, last, 1), ...between],
    video: source(video),
    mask: source(mask),
    extend: source(extend),
    references: (references as readonly string[]).flatMap(each => source(each) ?? []),
  }
}

/** The editor for a video that goes on from a task's, or starts from it. */
export async function continueTask(task: TaskView, how: 'extend' | 'video'): Promise<void> {
  await openTask(task)
  const { frames: _, ...values } = draft.value.values
  const made: Source = {
    id: crypto.randomUUID(),
    name: `${String(task.request.prompt).slice(0, 40)}.mp4`,
    kind: 'video',
    url: ownAddress(task.outputs.video!),
    address: `task://${task.id}/video`,
  }
  draft.value = {
    ...draft.value,
    values: how === 'extend' ? values : draft.value.values,
    placed: [],
    video: undefined,
    extend: undefined,
    mask: undefined,
    seedLocked: false,
    [how]: made,
  }
}

/** @param address of a file of the task: what it holds, the server says */
async function sourceOf({ files }: TaskView, address: string): Promise<Source> {
  const url = ownAddress(files[address]!)
  const { headers } = await send(url, { method: 'HEAD' })
  const type = headers.get('content-type') ?? ''
  const kind = type.startsWith('video/') || type === 'image/gif' ? 'video' : 'image'
  const name = address.split('/').at(-1)!.slice(0, 8)
  return { id: crypto.randomUUID(), name, kind, url, address }
}
