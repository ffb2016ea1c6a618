import { signal } from '@preact/signals'
import { isFileField, modelNamed } from '../models/capabilities.ts'
import { call, messageOf } from '../server/call.ts'
import { texts } from '../texts/texts.ts'
import { draft, emptyDraft } from './draft.ts'

/** What a file of Framewright says of how it was made. */
interface FileRecord {
  readonly prompt: string
  readonly seed: string
  readonly model: string
  readonly [field: string]: unknown
}

/** Parts of a record that are files, which it does not hold, or no settings. */
const left = ['version', 'adapters', 'adapters2', 'upscale', 'model', 'seed', 'fit']
const isOfFiles = (name: string) => isFileField(name) || name === 'latents' || name === 'strength'

interface Outcome {
  readonly text: string
  readonly wrong: boolean
}

/** What came of the last file that was opened. */
export const recordOutcome = signal<Outcome | undefined>(undefined)

const shownMs = 8000

/** Puts the settings of a file into the editor, and says for a while what came of it. */
export async function openRecord(file: File): Promise<void> {
  const outcome = await readInto(file)
  recordOutcome.value = outcome
  setTimeout(() => {
    if (recordOutcome.value === outcome) recordOutcome.value = undefined
  }, shownMs)
}

async function readInto(file: File): Promise<Outcome> {
  const form = new FormData()
  form.append('file', file, 'file')
  try {
    const record = await call<FileRecord>('v1/records', { body: form })
    const values = Object.entries(record).filter(([name]) => !left.includes(name) && !isOfFiles(name))
    draft.value = {
      ...emptyDraft,
      model: modelNamed(record.model)?.name,
      values: Object.fromEntries(values),
      seed: record.seed,
      seedLocked: true,
    }
    const needsFiles = Object.keys(record).some(isOfFiles)
    const opened = texts.record.opened(file.name)
    return { text: needsFiles ? `${opened} ${texts.record.files}` : opened, wrong: false }
  } catch (error) {
    return { text: messageOf(error), wrong: true }
  }
}
