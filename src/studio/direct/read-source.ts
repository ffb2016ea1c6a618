import { texts } from '../texts/texts.ts'
import type { Source } from './source.ts'

const byEnding: Readonly<Record<string, Source['kind']>> = {
  avif: 'image',
  jpeg: 'image',
  jpg: 'image',
  png: 'image',
  webp: 'image',
  gif: 'video',
  mkv: 'video',
  mov: 'video',
  mp4: 'video',
  webm: 'video',
}

/** A file as a source of a video. The server judges its bytes; here its name and type say what it is. */
export function sourceOf(file: File): Source | undefined {
  const kind = kindOf(file)
  if (kind === undefined) return undefined
  return { id: crypto.randomUUID(), name: file.name, kind, file, url: URL.createObjectURL(file) }
}

/** The sources of files that are some, and what to say of the others. */
export function sourcesOf(files: Iterable<File>): {
  readonly sources: readonly Source[]
  readonly refused: readonly string[]
} {
  const all = [...files].map(file => ({ file, source: sourceOf(file) }))
  return {
    sources: all.flatMap(({ source }) => source ?? []),
    refused: all.flatMap(({ file, source }) => (source ? [] : texts.direct.notTaken(file.name))),
  }
}

function kindOf({ name, type }: File): Source['kind'] | undefined {
  if (type === 'image/gif' || type.startsWith('video/')) return 'video'
  if (type.startsWith('image/')) return 'image'
  return byEnding[name.split('.').at(-1)!.toLowerCase()]
}

/** Width and height of a picture; undefined where the browser cannot read it. */
export async function pictureSize({
  url,
  kind,
}: Source): Promise<{ width: number; height: number } | undefined> {
  if (kind !== 'image') return undefined
  const image = new Image()
  image.src = url
  const read = await image.decode().then(
    () => true,
    () => false,
  )
  return read ? { width: image.naturalWidth, height: image.naturalHeight } : undefined
}
