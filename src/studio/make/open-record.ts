import { modelNamed } from '../models/capabilities.ts'
import { call, messageOf } from '../server/call.ts'
import { texts } from '../texts/texts.ts'
import { draft, emptyDraft } from './draft.ts'
import { fileFields } from './file-fields.ts'

/** What a file of Framewright says of how it was made. */
interface FileRecord {
  readonly prompt: string
  readonly seed: string
  readonly model: string
  readonly [field: string]: unknown
}

/** Parts of a record that are files, which it does not hold, or no settings. */
const left = ['version', 'adapters', 'adapters2', 'upscale', 'model', 'seed', 'fit']
const files = [...fileFields, 'latents', 'strength']

/** Puts the settings of a file into the editor. @returns what to say of it */
export async function openRecord(file: File): Promise<{ readonly text: string; readonly wrong: boolean }> {
  const form = new FormData()
  form.append('file', file, 'file')
  try {
    const record = await call<FileRecord>('v1/records', { body: form })
    const values = Object.entries(record).filter(([name]) => !left.includes(name) && !files.includes(name))
    draft.value = {
      ...emptyDraft,
      model: modelNamed(record.model)?.name,
      values: Object.fromEntries(values),
      seed: record.seed,
      seedLocked: true,
    }
    const needsFiles = files.some(name => record[name] !== undefined)
    const opened = texts.record.opened(file.name)
    return { text: needsFiles ? `${opened} ${texts.record.files}` : opened, wrong: false }
  } catch (error) {
    return { text: messageOf(error), wrong: true }
  }
}
