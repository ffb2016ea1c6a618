/**
 * Results of text encoders, kept on disk: a prompt that a model's encoder has read before, on this machine or another with the
 * same folder, is not encoded again, and the encoder is not loaded.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { MediaError, messageOf } from '../errors.ts'
import { framewrightHome } from '../hub/environment.ts'
import type { Notify } from '../notices.ts'
import type { Feed, RunGraph, RunResult } from '../pipeline/family.ts'
import { systemFailureOf, systemReasons } from '../system-errors.ts'
import { isResident } from '../tensor/resident.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Weights } from '../weights/checkpoint.ts'
import { readSafetensorsHeader } from '../weights/read-header.ts'
import { readTensor } from '../weights/read-tensor.ts'
import { writeSafetensors } from '../weights/write-safetensors.ts'
import { graphDigest } from './graph-digest.ts'
import type { GraphSource } from './graph-source.ts'

/** Version of the entries: part of every key. */
const version = 1

/** Bytes of all entries together; the ones that were not used for longest go. */
const usualLimit = 2 * 2 ** 30

export interface PromptCacheOptions {
  /** @default 2 GiB */
  readonly limit?: number
}

/** Where it is unless a program says otherwise. */
export function promptCacheFolder(): string {
  return path.join(framewrightHome(), 'prompts')
}

/**
 * Opens a cache, which several processes may use at once.
 * @throws MediaError `media/output` for a folder that cannot be made
 */
export async function openPromptCache(
  folder: string,
  { limit = usualLimit }: PromptCacheOptions = {},
): Promise<PromptCache> {
  await mkdir(folder, { recursive: true }).catch(cause => {
    const advice = 'Name another folder, or leave the cache out.'
    const what = { subject: `prompt cache ${folder}`, expected: 'a folder that can be made', advice }
    throw new MediaError('media/output', { ...what, got: messageOf(cause) }, { cause })
  })
  return new PromptCache(folder, limit)
}

export class PromptCache {
  readonly #folder: string
  readonly #limit: number
  /** By graph: what its results depend on beside its feeds. */
  readonly #encoders = new Map<string, Promise<string>>()

  constructor(folder: string, limit: number) {
    this.#folder = folder
    this.#limit = limit
  }

  /**
   * As `run`, but the results of text encoders come from the cache where they are in it, and are put there.
   * @param weights of every component
   * @param notify told of a result that could not be kept
   */
  remembering(
    run: RunGraph,
    source: GraphSource,
    weights: ReadonlyMap<string, Weights>,
    notify: Notify,
  ): RunGraph {
    return async (graph, feeds, options) => {
      const { role, component } = source.recipe(graph)
      const files = weights.get(component)
      const given = Object.entries(feeds)
      if (role !== 'text-encoder' || !files || options?.keep || given.some(([, feed]) => isResident(feed))) {
        return await run(graph, feeds, options)
      }
      let encoder = this.#encoders.get(graph)
      if (!encoder) {
        encoder = source.graph(graph).then(built => graphDigest(built, files))
        encoder.catch(() => this.#encoders.delete(graph))
        this.#encoders.set(graph, encoder)
      }
      const entry = path.join(this.#folder, `${keyOf(await encoder, given, options?.fetch)}.safetensors`)
      const known = await readEntry(entry)
      if (known) return known
      const result = await run(graph, feeds, options)
      source.files.assertUnchangedInRuns()
      await this.#keep(entry, result, notify)
      return result
    }
  }

  /** What cannot be kept is encoded again the next time. */
  async #keep(entry: string, { tensors }: RunResult, notify: Notify): Promise<void> {
    try {
      await writeSafetensors(entry, new Map(Object.entries(tensors)))
    } catch (error) {
      const why = `what the text encoder gave could not be kept: ${reasonOf(error)}`
      notify('prompt/not-kept', `prompt cache ${this.#folder}: ${why}; it is encoded again the next time.`)
      return
    }
    try {
      await this.#evict()
    } catch (error) {
      const why = `entries that are not used any more could not be removed: ${reasonOf(error)}`
      notify('prompt/not-kept', `prompt cache ${this.#folder}: ${why}; it may grow beyond its limit.`)
    }
  }

  /** Removes the entries that were not used for longest, down to the limit. */
  async #evict(): Promise<void> {
    const names = (await readdir(this.#folder)).filter(name => name.endsWith('.safetensors'))
    const files = await Promise.all(
      names.map(async name => {
        const file = path.join(this.#folder, name)
        const found = await stat(file).catch(() => undefined)
        return { file, bytes: found?.size ?? 0, used: found?.mtimeMs ?? 0 }
      }),
    )
    let bytes = 0
    for (const each of files.toSorted((a, b) => b.used - a.used)) {
      bytes += each.bytes
      if (bytes > this.#limit) await rm(each.file, { force: true })
    }
  }
}

function reasonOf(error: unknown): string {
  const failure = systemFailureOf(error)
  const known = failure && systemReasons[failure.code]
  return known ? `expected ${known.expected}, got ${known.got} (${failure.code})` : messageOf(error)
}

/** An entry, which thereby was used; undefined where there is none that can be read. */
async function readEntry(file: string): Promise<RunResult | undefined> {
  try {
    const { tensors } = await readSafetensorsHeader(file)
    const read = await Promise.all(
      [...tensors].map(async ([name, location]) => [name, await readTensor(location)] as const),
    )
    const now = new Date()
    await utimes(file, now, now).catch(() => {})
    return { tensors: Object.fromEntries(read), residents: {} }
  } catch {
    return undefined
  }
}

function keyOf(encoder: string, feeds: readonly [string, Feed][], fetch: readonly string[] = []): string {
  const hash = createHash('sha256').update(JSON.stringify([version, encoder, fetch]))
  for (const [name, feed] of feeds.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const { dtype, shape, data } = feed as Tensor
    hash.update(JSON.stringify([name, dtype, shape]))
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest('hex')
}
