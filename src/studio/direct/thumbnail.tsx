import type { Source } from './source.ts'

/** A small picture of a source; its name stands beside it or in its button. */
export function Thumbnail({ source }: { readonly source: Source }) {
  if (source.kind === 'image') return <img src={source.url} alt="" draggable={false} />
  return <video src={source.url} muted playsInline preload="metadata" aria-hidden="true" tabIndex={-1} />
}
