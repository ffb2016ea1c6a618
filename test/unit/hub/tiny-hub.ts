import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { FramewrightError } from '../../../src/errors.ts'
import type { PullEvent } from '../../../src/hub/events.ts'
import { recordName } from '../../../src/hub/file-path.ts'
import { type PullOptions, pullModel } from '../../../src/hub/pull.ts'
import { type Fault, HubServer, type RepositoryFiles } from './hub-server.ts'
import { neededFiles, tinyRepository } from './tiny-repository.ts'

export const id = 'someone/tiny-video'
export const needed = neededFiles()

/** A hub with one model and an empty models folder, new for every test. */
export interface TinyHub {
  readonly server: HubServer
  readonly folder: string
  /** Where the model goes. */
  readonly path: string
  readonly options: (changes?: PullOptions) => PullOptions
  /** Pulls the model and gives all events. */
  readonly pull: (changes?: PullOptions) => Promise<PullEvent[]>
  /** Pulls the model, which has to fail with an error of this package. */
  readonly failure: (changes?: PullOptions) => Promise<unknown>
  /** Digests of all files in the model's folder, but of the note that pulling leaves. */
  readonly pulled: () => Promise<Record<string, string>>
  /** What goes wrong with the next answers for a file. */
  readonly inject: (path: string, ...faults: Fault[]) => void
}

/**
 * Sets the hub up for every test of a file; its fields are those of the running test.
 * @param files that are to be pulled
 */
export function useTinyHub(files: RepositoryFiles = needed): TinyHub {
  let server: HubServer
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'framewright-pull-'))
    server = await HubServer.start(id, tinyRepository(files))
  })
  afterEach(async () => {
    await server[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })
  const options = (changes: PullOptions = {}): PullOptions => {
    return { endpoint: server.endpoint, folder, retry: { retries: 3, delayMs: 1 }, ...changes }
  }
  const pull = async (changes?: PullOptions) => await collect(pullModel(id, options(changes)))
  return {
    get server() {
      return server
    },
    get folder() {
      return folder
    },
    get path() {
      return join(folder, 'someone', 'tiny-video')
    },
    options,
    pull,
    failure: async changes => {
      const error = await pull(changes).then(
        () => undefined,
        cause => cause,
      )
      expect(FramewrightError.is(error)).toBe(true)
      return error
    },
    pulled: async () => digests(await contentsOf(join(folder, 'someone', 'tiny-video'))),
    inject: (path, ...faults) => server.faults.set(path, faults),
  }
}

export async function collect(events: AsyncIterable<PullEvent>): Promise<PullEvent[]> {
  const all: PullEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

export async function place(path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}

/** What is compared of files: vitest takes long over the bytes themselves. */
export function digests(files: RepositoryFiles): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([path, content]) => [
      path,
      createHash('sha256').update(content).digest('hex'),
    ]),
  )
}

/** All files of a folder but the note that pulling leaves. */
export async function contentsOf(path: string): Promise<RepositoryFiles> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile() && entry.name !== recordName)
  const names = files.map(entry => join(entry.parentPath, entry.name))
  return Object.fromEntries(
    await Promise.all(
      names.map(async name => [relative(path, name).split(sep).join('/'), await readFile(name)] as const),
    ),
  )
}
