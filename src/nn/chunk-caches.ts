/** Caches of a causal network between the chunks of a clip: the output `cache.i.next` of one is `cache.i` of the following. */

const nextSuffix = '.next'

/** The name of what a chunk leaves in the place of a cache. */
export function nextName(cache: string): string {
  return `${cache}${nextSuffix}`
}

/** Whether an output is what a chunk leaves for the following one. */
export function isCache(output: string): boolean {
  return output.endsWith(nextSuffix)
}

/** What a chunk has left, as inputs of the following one. */
export function nextCaches<T>({
  residents,
}: {
  readonly residents: Readonly<Record<string, T>>
}): Record<string, T> {
  const caches = Object.entries(residents).filter(([name]) => isCache(name))
  return Object.fromEntries(caches.map(([name, cache]) => [name.slice(0, -nextSuffix.length), cache]))
}

/** What a chunk's run gives. */
interface ChunkOutputs {
  readonly fetch?: readonly string[]
  readonly keep?: (output: string) => boolean
}

/**
 * The outputs of a chunk that are computed and kept: caches are for the following chunk, those of the last one of no use,
 * and those of the first one have names that are not known before.
 */
export function chunkOutputs(
  outputs: readonly string[],
  caches: readonly string[],
  last: boolean,
): ChunkOutputs {
  if (last) return { fetch: outputs }
  return caches.length === 0
    ? { keep: isCache }
    : { fetch: [...outputs, ...caches.map(nextName)], keep: isCache }
}
