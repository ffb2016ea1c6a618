import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What goes wrong with one answer for a file. Faults of a file are used up one by one. */
export type Fault =
  | { readonly status: number }
  /** The connection breaks after so many bytes of the answer's body. */
  | { readonly dropAfter: number }
  /** The body is complete, but not what it should be. */
  | { readonly corrupt: true }
  /** So many bytes too many come. */
  | { readonly extraBytes: number }
  /** A range is asked for, the whole is sent. */
  | { readonly ignoreRange: true }
  /** Nothing comes after so many bytes of the body, and the connection stays open. */
  | { readonly hangAfter: number }

export interface HubRequest {
  readonly path: string
  readonly range: string | undefined
  readonly authorization: string | undefined
}

/** Files of a repository: path to content. Content goes to large file storage where the name says so. */
export type RepositoryFiles = Readonly<Record<string, Buffer>>

const pageLength = 4

/**
 * A hub on 127.0.0.1 with one model, answering as huggingface.co does: the model's commit, its paged file list,
 * small files directly, large ones by a redirect to a storage server that has another origin.
 */
export class HubServer implements AsyncDisposable {
  readonly requests: HubRequest[] = []
  readonly storageRequests: HubRequest[] = []
  /** By file path; `''` is for the commit and `tree` for the list. */
  readonly faults = new Map<string, Fault[]>()
  commit = 'a'.repeat(40)
  files: RepositoryFiles
  readonly id: string
  readonly #hub: Server
  readonly #storage: Server

  private constructor(id: string, files: RepositoryFiles) {
    this.id = id
    this.files = files
    this.#hub = createServer((request, response) => this.#answer(request, response))
    this.#storage = createServer((request, response) => this.#answerStorage(request, response))
  }

  static async start(id: string, files: RepositoryFiles): Promise<HubServer> {
    const server = new HubServer(id, files)
    for (const part of [server.#hub, server.#storage]) {
      part.listen(0, '127.0.0.1')
      await once(part, 'listening')
    }
    return server
  }

  get endpoint(): string {
    return addressOf(this.#hub)
  }

  /** Requests for one file's content, to the hub or its storage. */
  requestsFor(path: string): HubRequest[] {
    const content = this.files[path]
    const storage = content ? `/${sha256(content)}` : ''
    return [
      ...this.requests.filter(request => request.path.endsWith(`/resolve/${this.commit}/${path}`)),
      ...this.storageRequests.filter(request => request.path === storage),
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of [this.#hub, this.#storage]) {
      part.closeAllConnections()
      part.close()
      await once(part, 'close')
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.endpoint)
    this.requests.push(logged(request))
    const api = `/api/models/${this.id}`
    const content = `/${this.id}/resolve/${this.commit}/`
    if (url.pathname === '/api/models') this.#answerSearch(url, response)
    else if (url.pathname.startsWith(`${api}/revision/`)) this.#answerCommit(response)
    else if (url.pathname === `${api}/tree/${this.commit}`) this.#answerTree(url, response)
    else if (url.pathname.startsWith(content)) {
      this.#answerFile(decodeURIComponent(url.pathname.slice(content.length)), request, response)
    } else fail(response, 404)
  }

  #answerCommit(response: ServerResponse): void {
    if (this.#failed('', response)) return
    json(response, { _id: '1', id: this.id, sha: this.commit, lastModified: '2025-01-01T00:00:00.000Z' })
  }

  #answerSearch(url: URL, response: ServerResponse): void {
    if (this.#failed('search', response)) return
    const wanted = url.searchParams.get('search') ?? ''
    const all = [
      {
        id: this.id,
        downloads: 1200,
        likes: 3,
        gated: false,
        tags: ['diffusers:WanPipeline', 'safetensors'],
      },
      { id: 'someone/tiny-gguf', downloads: 70, likes: 1, gated: 'auto', tags: ['gguf'] },
      { id: 'someone/tiny-other', downloads: 7, likes: 0, gated: false, tags: ['diffusers:FluxPipeline'] },
    ]
    const found = all.filter(({ id }) => id.includes(wanted)).slice(0, Number(url.searchParams.get('limit')))
    const times = { createdAt: '2025-01-01T00:00:00Z', lastModified: '2025-01-01T00:00:00Z' }
    json(
      response,
      found.map(each => ({ ...each, ...times, _id: each.id, private: false, modelId: each.id })),
    )
  }

  #answerTree(url: URL, response: ServerResponse): void {
    if (this.#failed('tree', response)) return
    const start = Number(url.searchParams.get('cursor') ?? 0)
    const entries = Object.entries(this.files).map(([path, content]) => treeEntry(path, content))
    const all = [{ type: 'directory', path: 'transformer', size: 0, oid: '0'.repeat(40) }, ...entries]
    if (start + pageLength < all.length) {
      url.searchParams.set('cursor', String(start + pageLength))
      response.setHeader('link', `<${url.href}>; rel="next"`)
    }
    json(response, all.slice(start, start + pageLength))
  }

  #answerFile(path: string, request: IncomingMessage, response: ServerResponse): void {
    const content = this.files[path]
    if (content === undefined) fail(response, 404)
    else if (!isLarge(path)) this.#send(path, content, request, response)
    else response.writeHead(302, { location: `${addressOf(this.#storage)}/${sha256(content)}` }).end()
  }

  #answerStorage(request: IncomingMessage, response: ServerResponse): void {
    this.storageRequests.push(logged(request))
    const found = Object.entries(this.files).find(([, content]) => request.url === `/${sha256(content)}`)
    if (found) this.#send(found[0], found[1], request, response)
    else fail(response, 404)
  }

  #send(path: string, whole: Buffer, request: IncomingMessage, response: ServerResponse): void {
    const fault = this.faults.get(path)?.shift()
    const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const start = fault && 'ignoreRange' in fault ? 0 : asked
    const content = fault && 'corrupt' in fault ? Buffer.from(whole).fill(0x2a, start) : whole
    const extra = Buffer.alloc(fault && 'extraBytes' in fault ? fault.extraBytes : 0)
    const body = Buffer.concat([content.subarray(start), extra])
    if (fault && 'status' in fault) fail(response, fault.status)
    else if (start > 0 && start >= content.length) fail(response, 416)
    else {
      response.writeHead(start > 0 ? 206 : 200, {
        'content-length': body.length,
        ...(start > 0 && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
      })
      if (fault && 'dropAfter' in fault) this.#drop(response, body.subarray(0, fault.dropAfter))
      else if (fault && 'hangAfter' in fault) response.write(body.subarray(0, fault.hangAfter))
      else response.end(body)
    }
  }

  /** Breaks the connection once the client has had time to take what was sent. */
  #drop(response: ServerResponse, sent: Buffer): void {
    response.write(sent, () => setTimeout(() => response.destroy(), 100))
  }

  /** Answers with the status that is next in line for this part of the hub, if one is. */
  #failed(part: string, response: ServerResponse): boolean {
    const fault = this.faults.get(part)?.shift()
    if (fault === undefined || !('status' in fault)) return false
    fail(response, fault.status)
    return true
  }
}

function treeEntry(path: string, content: Buffer) {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(content)}\nsize ${content.length}\n`
  if (!isLarge(path)) return { type: 'file', path, size: content.length, oid: gitOid(content) }
  const lfs = { oid: sha256(content), size: content.length, pointerSize: pointer.length }
  return { type: 'file', path, size: content.length, oid: gitOid(Buffer.from(pointer)), lfs }
}

function isLarge(path: string): boolean {
  return /\.(safetensors|model|bin)$/.test(path)
}

function logged(request: IncomingMessage): HubRequest {
  const { range, authorization } = request.headers
  return { path: new URL(request.url ?? '/', 'http://localhost').pathname, range, authorization }
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function fail(response: ServerResponse, status: number): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: `status ${status}` }))
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

function gitOid(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}
