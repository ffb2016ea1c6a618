import { randomUUID } from 'node:crypto'
import { copyFile, link, mkdir, open, readdir, rename, rm, rmdir, stat, utimes } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { invalidRequest } from '../errors.ts'
import type { Storage } from './storage.ts'

const key = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/

/** Files below a folder: of this machine, or one that all machines of a fleet see. */
export class FolderStorage implements Storage {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = resolve(folder)
  }

  pathOf(name: string): string {
    if (name.length <= 512 && key.test(name)) return join(this.#folder, name)
    throw invalidRequest(
      'storage key',
      'lower-case letters, digits, dots, dashes and slashes',
      JSON.stringify(name.slice(0, 80)),
    )
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.pathOf(name)
    await mkdir(dirname(path), { recursive: true })
    const temporary = `${path}.${randomUUID()}.tmp`
    try {
      const file = await open(temporary, 'wx')
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  async adopt(from: string, name: string): Promise<void> {
    const path = this.pathOf(name)
    await mkdir(dirname(path), { recursive: true })
    await rename(from, path)
  }

  async stat(name: string): Promise<{ bytes: number; changed: Date } | undefined> {
    const found = await stat(this.pathOf(name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
      throw error
    })
    return found?.isFile() ? { bytes: found.size, changed: found.mtime } : undefined
  }

  async copy(from: string, to: string): Promise<void> {
    const path = this.pathOf(to)
    await mkdir(dirname(path), { recursive: true })
    await link(this.pathOf(from), path).catch(() => copyFile(this.pathOf(from), path))
    // A link has the times of what it is a link to: to those who remove old files it would be one.
    const now = new Date()
    await utimes(path, now, now)
  }

  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { recursive: true, force: true })
  }

  async removeOlder(name: string, than: Date, but: ReadonlySet<string> = new Set()): Promise<number> {
    return await removeOlder(this.pathOf(name), than, new Set([...but].map(each => this.pathOf(each))))
  }
}

async function removeOlder(folder: string, than: Date, but: ReadonlySet<string>): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  let removed = 0
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      removed += await removeOlder(path, than, but)
      // Only when nothing is left in it.
      await rmdir(path).catch(() => {})
      continue
    }
    if (but.has(path)) continue
    const found = await stat(path).catch(() => undefined)
    if (!found || found.mtime >= than) continue
    await rm(path, { force: true })
    removed++
  }
  return removed
}
