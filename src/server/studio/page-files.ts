import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'

export interface PageFile {
  readonly contentType: string
  readonly bytes: Buffer
  /** The same for clients that take Brotli; left out where it would not be smaller. */
  readonly compressed?: Buffer
}

const contentTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
}

const compress = promisify(brotliCompress)

/**
 * The files of a built page, by their paths below its folder: `index.html`, `assets/…`.
 * @returns none where it was not built
 */
export async function readPageFiles(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const read = files.map(async path => {
    const name = path.slice(folder.length + 1).replaceAll('\\', '/')
    return [name, await readPageFile(path)] as const
  })
  return new Map(await Promise.all(read))
}

async function readPageFile(path: string): Promise<PageFile> {
  const bytes = await readFile(path)
  const contentType = contentTypes[path.split('.').at(-1)!] ?? 'application/octet-stream'
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5 }
  const compressed = await compress(bytes, { params })
  return { contentType, bytes, ...(compressed.length < bytes.length && { compressed }) }
}
