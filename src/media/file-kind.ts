import { open, stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { MediaError } from '../errors.ts'
import { brandsOf, foreignFormat } from './foreign-formats.ts'

/** What a file holds, by its first bytes: names of files lie. `movie` is MP4, MOV, WebM or Matroska. */
export type FileKind = 'movie' | 'gif' | 'webp' | 'png' | 'jpeg' | 'avif' | 'folder'

/** @throws MediaError when there is nothing at the path, the file is empty, or it holds something else */
export async function fileKind(path: string): Promise<FileKind> {
  const stats = await stat(path).catch(error => {
    const missing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
    const got = missing ? 'nothing at that path' : String(error.message)
    throw new MediaError(
      'media/input',
      { subject: path, expected: 'a picture or video', got, ...(missing && { advice: pathAdvice(path) }) },
      { cause: error },
    )
  })
  if (stats.isDirectory()) return 'folder'
  const head = await firstBytes(path)
  const kind = kindOf(head)
  if (kind !== undefined) return kind
  const foreign = foreignFormat(head)
  throw new MediaError('media/input', {
    subject: path,
    expected: 'a picture (JPEG, PNG, WebP, AVIF) or a video (MP4, MOV, WebM, GIF)',
    got: head.length === 0 ? 'an empty file' : (foreign?.name ?? 'something else'),
    advice: foreign?.advice ?? (head.length === 0 ? 'Copy or save it again.' : 'Save it as one of these.'),
  })
}

/** What to do where there is nothing at a path. */
function pathAdvice(path: string): string {
  return isAbsolute(path) ? 'Check the path.' : `Check the path, which begins at ${process.cwd()}.`
}

async function firstBytes(path: string): Promise<Buffer> {
  try {
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    const got = (error as Error).message
    throw new MediaError(
      'media/input',
      { subject: path, expected: 'a file that can be read', got },
      { cause: error },
    )
  }
}

/** Enough for the brands of a file type box and the first two packets of a transport stream. */
const headBytes = 512

/** Boxes that a QuickTime or MP4 file may begin with. */
const movieBoxes = new Set(['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip'])

function kindOf(head: Buffer): FileKind | undefined {
  const text = head.toString('latin1')
  if (text.startsWith('GIF8')) return 'gif'
  if (text.startsWith('RIFF') && text.startsWith('WEBP', 8)) return 'webp'
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png'
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg'
  if (text.startsWith('\x1a\x45\xdf\xa3')) return 'movie'
  if (brandsOf(head).some(brand => brand === 'avif' || brand === 'avis')) return 'avif'
  if (foreignFormat(head)) return undefined
  return movieBoxes.has(text.slice(4, 8)) ? 'movie' : undefined
}
