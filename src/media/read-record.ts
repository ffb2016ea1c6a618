import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MediaError } from '../errors.ts'
import { readPictureFile } from './decode-picture.ts'
import { type FileKind, fileKind } from './file-kind.ts'
import { gifBlocks } from './gif-comment.ts'
import { openGuardedInput } from './guarded-input.ts'
import { libraryReason } from './library-reason.ts'
import { loadSharp } from './load-sharp.ts'
import { loadContainers } from './mediabunny.ts'
import { type GenerationRecord, recordFromText } from './record.ts'
import { textFromXmp } from './xmp.ts'

/**
 * Reads how a clip was made from any file that openVideoWriter() writes, and from a folder of pictures or one of
 * them.
 *
 * @returns undefined for files of other programs
 * @throws MediaError when the file is missing, broken, of another kind, or holds a damaged record
 */
export async function readRecord(path: string): Promise<GenerationRecord | undefined> {
  const kind = await fileKind(path)
  for (const text of await texts(path, kind)) {
    const record = await recordFromText(text, path)
    if (record !== undefined) return record
  }
  return undefined
}

/** The frame rate that a file's record tells, if it has one that can be read. */
export async function recordedRate(path: string): Promise<number | undefined> {
  const { fps = 0 } = (await readableRecord(path)) ?? {}
  return fps > 0 ? fps : undefined
}

/** The number of frames that a file's record tells, if it has one that can be read and a clip could have as many. */
export async function recordedFrames(path: string): Promise<number | undefined> {
  const { frames = 0 } = (await readableRecord(path)) ?? {}
  return Number.isInteger(frames) && frames >= 1 && frames <= mostFrames ? frames : undefined
}

const mostFrames = 1e6

/** What is wrong with a file, the decoder of its pictures says. */
function readableRecord(path: string): Promise<GenerationRecord | undefined> {
  return readRecord(path).catch(() => undefined)
}

async function texts(path: string, kind: FileKind): Promise<readonly (string | undefined)[]> {
  try {
    if (kind === 'gif') return gifBlocks(await readFile(path)).comments
    if (kind === 'movie') return [await movieComment(path)]
    if (kind !== 'folder') return [await pictureDescription(path)]
  } catch (error) {
    const got = `one that cannot be (${libraryReason(error)})`
    throw new MediaError(
      'media/input',
      { subject: path, expected: 'a file that can be read', got },
      { cause: error },
    )
  }
  const first = (await readdir(path)).filter(name => name.toLowerCase().endsWith('.png')).sort()[0]
  return first === undefined ? [] : texts(join(path, first), await fileKind(join(path, first)))
}

async function movieComment(path: string): Promise<string | undefined> {
  const input = openGuardedInput(await loadContainers(), path)
  try {
    return (await input.getMetadataTags()).comment
  } finally {
    input.dispose()
  }
}

async function pictureDescription(path: string): Promise<string | undefined> {
  const sharp = loadSharp()
  const { xmpAsString } = await sharp((await readPictureFile(path)).bytes).metadata()
  return xmpAsString && textFromXmp(xmpAsString)
}
