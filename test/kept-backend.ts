/** A backend for tests that open the same small models again and again. */
import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import type { Graph } from '../src/graph/graph.ts'
import { serialize } from '../src/graph/serialize.ts'
import { weightBytesOf } from '../src/graph/session-memory.ts'
import { memoize } from '../src/memoize.ts'
import type { Backend, GraphModel, Session } from '../src/runtime/backend.ts'
import { OnnxRuntimeBackend, type OnnxRuntimeOptions } from '../src/runtime/onnxruntime-backend.ts'
import type { ResidentTensor } from '../src/tensor/resident.ts'
import { contentDigest } from './content-digest.ts'
import { referenceFolders } from './fixtures.ts'
import type { GraphRunner } from './graph-session.ts'

/** A real backend, with the sessions in it that outlive the tests. */
interface Lane {
  readonly backend: OnnxRuntimeBackend
  /** By what they compute. */
  readonly sessions: Map<string, Promise<Session>>
}

/** By the options that they were opened with. */
const idleLanes = new Map<string, Lane[]>()

/**
 * A real backend of its own while it lasts. Sessions whose weights are in files that no test writes to stay open when it is
 * disposed, for the next one of the same options that asks for the same graph with the same values of weights, in whichever
 * files: opening them takes longer than most tests do with them.
 */
export class KeptBackend implements Backend {
  readonly keepsState: boolean
  readonly name: string
  readonly device: Backend['device']
  readonly kernels: Backend['kernels']
  readonly residentsInPlace: boolean
  readonly keyMultiple: number
  readonly #lane: Lane
  readonly #idle: Lane[]
  readonly #released: (() => Promise<void>)[] = []
  readonly #residents = new Set<ResidentTensor>()
  #closing: Promise<void> | undefined

  constructor(options: OnnxRuntimeOptions) {
    const key = JSON.stringify(options)
    this.#idle = idleLanes.get(key) ?? []
    idleLanes.set(key, this.#idle)
    // The one with the most in it: a lane is made where two engines run side by side.
    this.#idle.sort((a, b) => a.sessions.size - b.sessions.size)
    this.#lane = this.#idle.pop() ?? { backend: new OnnxRuntimeBackend(options), sessions: new Map() }
    const { name, device, kernels, residentsInPlace, keyMultiple, keepsState } = this.#lane.backend
    this.name = name
    this.device = device
    this.kernels = kernels
    this.residentsInPlace = residentsInPlace
    this.keyMultiple = keyMultiple
    this.keepsState = keepsState
  }

  async open(model: GraphModel): Promise<Session> {
    this.#checkOpen(model.name)
    const content = unchangingContent(model)
    const session = await (content === undefined ? this.#own(model) : this.#kept(model, content))
    let isReleased = false
    return {
      name: session.name,
      run: async (feeds, options) => {
        this.#checkOpen(model.name)
        if (isReleased) throw new Error(`${model.name}: expected an open session, got a released one.`)
        const result = await session.run(feeds, options)
        for (const resident of Object.values(result.residents)) this.#residents.add(resident)
        return result
      },
      release: async () => {
        isReleased = true
        if (content === undefined) await session.release()
      },
    }
  }

  async drop(residents: Iterable<ResidentTensor>): Promise<void> {
    const dropped = [...residents]
    for (const resident of dropped) this.#residents.delete(resident)
    await this.#lane.backend.drop(dropped)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    // In the turn of the backend: after the runs that were asked for.
    await this.#lane.backend.drop(this.#residents)
    for (const release of this.#released) await release()
    this.#idle.push(this.#lane)
  }

  async #own(model: GraphModel): Promise<Session> {
    const session = await this.#lane.backend.open(model)
    this.#released.push(() => session.release())
    return session
  }

  async #kept(model: GraphModel, content: string): Promise<Session> {
    const { sessions, backend } = this.#lane
    const opening = sessions.get(content) ?? backend.open(model)
    sessions.set(content, opening)
    opening.catch(() => sessions.delete(content))
    return await opening
  }

  #checkOpen(subject: string): void {
    if (this.#closing) throw new Error(`${subject}: expected an open backend, got a disposed one.`)
  }
}

/** Runs graphs in sessions that engines take over, and those of engines before. */
export function keptGraphRunner(): GraphRunner {
  const backend = new KeptBackend({ device: { type: 'cpu' }, threads: 1 })
  afterAll(() => backend[Symbol.asyncDispose]())
  const sessions = memoize(async (graph: Graph) => {
    const bytes = serialize(graph, { locate: file => path.relative('/', file) })
    const weightBytes = weightBytesOf(graph)
    return await backend.open({ name: graph.name, bytes, weightsFolder: '/', weightBytes })
  })
  return async (graph, feeds) => (await (await sessions(graph)).run(feeds)).tensors
}

/** The folders of the reference cases and of the built-in model. */
const unchanging = [...referenceFolders, fileURLToPath(new URL('../models', import.meta.url))].map(
  folder => realpathSync(folder) + path.sep,
)

/**
 * Keeps the sessions of models in a folder like those of the reference cases.
 * @param folder whose weights are written once
 */
export function keepSessionsOf(folder: string): string {
  unchanging.push(realpathSync(folder) + path.sep)
  return folder
}

/** Digests of content, by that of a graph and the place of its weights. */
const contents = new Map<string, string>()

/** Names what a model computes; undefined unless all of its weights are in files that no test writes to. */
function unchangingContent(model: GraphModel): string | undefined {
  const { bytes, weightsFolder } = model
  const place = createHash('sha1').update(weightsFolder).update(bytes).digest('hex')
  const known = contents.get(place)
  if (known !== undefined) return known
  const isUnchanging = weightFiles(bytes).every(file => {
    const whole = path.resolve(weightsFolder, file)
    return unchanging.some(folder => whole.startsWith(folder))
  })
  if (!isUnchanging) return undefined
  const content = contentDigest(model)
  contents.set(place, content)
  return content
}

/** Where a model's initializers are: values of `location` in TensorProto.external_data. */
function weightFiles(bytes: Uint8Array): string[] {
  const model = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // StringStringEntryProto: the key, then tag 2 and the length of the value as a varint.
  const key = '\n\blocation\x12'
  const files = new Set<string>()
  for (let at = model.indexOf(key); at !== -1; at = model.indexOf(key, at)) {
    at += key.length
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = model[at++]!
      length += (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    files.add(model.toString('utf8', at, at + length))
  }
  return [...files]
}
