import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { contactSheet } from '../media/contact-sheet.ts'
import type { ModelFacts } from '../pipeline/family.ts'
import type { GenerateRequest } from '../pipeline/request.ts'

/** Gives a request the pictures that a checkpoint was made for, where it needs one: grey ones, of the clip's size. */
export async function withRequiredPictures(
  request: GenerateRequest,
  { modes, requires, defaults }: ModelFacts,
  folder: string,
): Promise<GenerateRequest> {
  if (requires.length === 0) return request
  const { width = defaults.width, height = defaults.height } = request
  const file = path.join(folder, 'grey.png')
  const frames = new Uint8Array(width * height * 3).fill(128)
  await writeFile(file, await contactSheet({ frames, width, height, gap: 0 }))
  return {
    ...request,
    ...(modes.includes('image') && { image: file }),
    ...(modes.includes('last-image') && { lastImage: file }),
  }
}
