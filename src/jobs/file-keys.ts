import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { JobsError } from '../errors.ts'
import { lockFolder } from './folder-lock.ts'
import { hashOf, type KeyStore, type NewApiKey, newSecret, sameHash } from './key-store.ts'
import type { ApiKey, KeyLimits } from './keys.ts'

const fileSchema = z.array(
  z.object({
    id: z.string(),
    name: z.string(),
    hash: z.string(),
    createdAt: z.string(),
    revokedAt: z.string().exactOptional(),
    limits: z.object({ activeTasks: z.number().exactOptional() }),
  }),
)
type StoredKey = z.infer<typeof fileSchema>[number]

/** Keys in a file, which a server reads again whenever it has changed. */
export class FileKeys implements KeyStore {
  readonly #path: string
  #read: { readonly version: string; readonly keys: readonly StoredKey[] } | undefined

  constructor(path: string) {
    this.#path = path
  }

  async find(secret: string): Promise<ApiKey | undefined> {
    const hash = hashOf(secret)
    const found = (await this.#keys()).filter(key => sameHash(key.hash, hash) && !key.revokedAt)
    return found[0] && withoutHash(found[0])
  }

  async any(): Promise<boolean> {
    return (await this.#keys()).some(key => !key.revokedAt)
  }

  async create(name: string, limits: KeyLimits = {}): Promise<NewApiKey> {
    const secret = newSecret()
    const key = { id: randomUUID(), name, hash: hashOf(secret), createdAt: new Date().toISOString(), limits }
    await this.#change(keys => [...keys, key])
    return { ...withoutHash(key), secret }
  }

  async list(): Promise<readonly ApiKey[]> {
    return (await this.#keys()).map(withoutHash)
  }

  async revoke(id: string): Promise<ApiKey | undefined> {
    const revokedAt = new Date().toISOString()
    const keys = await this.#change(all => all.map(key => (key.id === id ? { revokedAt, ...key } : key)))
    const key = keys.find(each => each.id === id)
    return key && withoutHash(key)
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #keys(): Promise<readonly StoredKey[]> {
    const found = await stat(this.#path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (!found) return []
    const version = `${found.ino} ${found.size} ${found.mtimeNs}`
    if (this.#read?.version !== version) this.#read = { version, keys: await this.#parse() }
    return this.#read.keys
  }

  async #parse(): Promise<readonly StoredKey[]> {
    try {
      return fileSchema.parse(JSON.parse(await readFile(this.#path, 'utf8'))) as readonly StoredKey[]
    } catch (error) {
      throw new JobsError(
        'jobs/database',
        { subject: this.#path, expected: 'a file of API keys', got: (error as Error).message.slice(0, 200) },
        { cause: error },
      )
    }
  }

  /** One process at a time changes the file, and whoever reads it sees all of a change or nothing. */
  async #change(change: (keys: readonly StoredKey[]) => readonly StoredKey[]): Promise<readonly StoredKey[]> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    const lock = await this.#lock()
    try {
      const keys = change(await this.#keys())
      const temporary = `${this.#path}.${randomUUID()}.tmp`
      const file = await open(temporary, 'wx', 0o600)
      await file.writeFile(`${JSON.stringify(keys, null, 2)}\n`).finally(() => file.close())
      await rename(temporary, this.#path)
      return keys
    } finally {
      await lock.release()
    }
  }

  async #lock() {
    for (let tries = 0; ; tries++) {
      try {
        return await lockFolder(dirname(this.#path), 'keys')
      } catch (error) {
        if (tries >= 100) throw error
        await wait(50)
      }
    }
  }
}

function withoutHash({ hash: _, ...key }: StoredKey): ApiKey {
  return key
}
