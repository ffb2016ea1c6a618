import type { Encoding } from '../../graph/encoding.ts'
import { gather } from '../../graph/ops/layout.ts'

/** An encoding whose rows cannot be decoded alone: they are gathered from the whole decoded table. */
export function wholeEncoding(about: Pick<Encoding, 'name' | 'padding' | 'decode' | 'verify'>): Encoding {
  return { ...about, rows: (graph, key, ids) => gather(about.decode(graph, key, ids), ids, 0) }
}
