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

export const sourceKinds = ['image', 'video'] as const satisfies readonly Source['kind'][]

/** What a file picker offers for kinds of sources: an animation counts as a video. */
export function acceptOf(kinds: readonly Source['kind'][]): string {
  const types = { image: ['image/*'], video: ['video/*', 'image/gif'] }
  return kinds.flatMap(kind => types[kind]).join()
}

/**
 * The sources of files that are some, and what to say of the others. The server judges their bytes; here their names and types
 * say what they are.
 * @param kinds that are taken
 */
export function sourcesOf(
  files: Iterable<File>,
  kinds: readonly Source['kind'][] = sourceKinds,
): { readonly sources: readonly Source[]; readonly refused: readonly string[] } {
  const sources: Source[] = []
  const refused: string[] = []
  for (const file of files) {
    const kind = kindOf(file)
    if (kind === undefined || !kinds.includes(kind)) {
      refused.push(texts.direct.notTaken(file.name, kinds))
      continue
    }
    sources.push({ id: crypto.randomUUID(), name: file.name, kind, file, url: URL.createObjectURL(file) })
  }
  return { sources, refused }
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
