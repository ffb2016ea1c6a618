import { effect, signal } from '@preact/signals'
import type { TaskView } from '../../server/framewright/contract.ts'
import type { Source } from '../direct/source.ts'
import { goTo } from '../route.ts'
import { call, messageOf } from '../server/call.ts'
import { uploadFile } from '../server/upload.ts'
import { selectTask } from '../tasks/selection.ts'
import { putTasks } from '../tasks/task-store.ts'
import { bodyOf, changeDraft, type Draft, draft, takenSources } from './draft.ts'
import { drawSeed } from './seed.ts'
import { variantsOf } from './variants.ts'

/** Whether tasks are being sent. */
export const submitting = signal(false)

/** Why the last press of the button made no task. */
export const submitError = signal<string | undefined>(undefined)

/** Addresses of files that were sent, with when: they are good for a day. */
const sent = new WeakMap<Blob, { readonly address: string; readonly at: number }>()
const sentHours = 20

/** Takes the reason away once something is changed. @returns ends it */
export function forgetErrors(): () => void {
  return effect(() => {
    draft.value
    submitError.value = undefined
  })
}

/** Puts the videos of the draft into the queue, and shows what becomes of them: of several, side by side. */
export async function submitDraft(): Promise<void> {
  if (submitting.value) return
  submitting.value = true
  submitError.value = undefined
  try {
    const tasks = await createTasks(draft.value)
    putTasks(tasks)
    if (tasks.length > 1) goTo({ view: 'compare', ids: tasks.map(({ id }) => id) })
    else {
      selectTask(tasks[0]!.id)
      showStage()
    }
  } catch (error) {
    submitError.value = messageOf(error)
  } finally {
    submitting.value = false
  }
}

/** On a narrow screen the video is below the editor. */
function showStage(): void {
  const { innerHeight } = window
  const stage = document.getElementById('stage')
  if (stage && stage.getBoundingClientRect().top > innerHeight / 2) stage.scrollIntoView()
}

async function createTasks(from: Draft): Promise<TaskView[]> {
  const addresses = await sendFiles(from)
  const body = bodyOf(from, source => addresses.get(source.id) ?? source.name)
  const bodies = variantsOf(from, drawSeed).map(variant => ({
    ...body,
    request: { ...body.request, ...variant },
  }))
  // All can be made, or none is.
  if (bodies.length > 1) for (const each of bodies) await call('v1/tasks/plan', { body: each })
  const tasks: TaskView[] = []
  for (const each of bodies) tasks.push(await call<TaskView>('v1/tasks', { body: each }))
  const [first] = tasks
  if (!from.seedLocked && first) changeDraft({ seed: String(first.request.seed) })
  return tasks
}

/** Sends what the server does not have. @returns the addresses of all files, by their ids */
async function sendFiles(from: Draft): Promise<Map<string, string>> {
  const { placed, video, extend, mask, references } = takenSources(from)
  const sources = [...placed, ...references, ...[video, extend, mask].filter(each => each !== undefined)]
  const entries = sources.map(async source => [source.id, await addressOf(source)] as const)
  return new Map(await Promise.all(entries))
}

async function addressOf({ address, file, name }: Source): Promise<string> {
  if (address !== undefined) return address
  const before = sent.get(file!)
  if (before && Date.now() - before.at < sentHours * 3_600_000) return before.address
  const uploaded = await uploadFile(file!, name)
  sent.set(file!, { address: uploaded, at: Date.now() })
  return uploaded
}
