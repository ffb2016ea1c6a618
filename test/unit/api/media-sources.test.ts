import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { MediaFiles, type MediaSource } from '../../../src/api/media-sources.ts'
import { failure, scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
const pixels = { width: 2, height: 2, channels: 3 as const }
const red = sharp(Buffer.from('ff0000'.repeat(4), 'hex'), { raw: pixels })

async function pixelsOf(path: string): Promise<string> {
  return (
    await sharp(await readFile(path))
      .removeAlpha()
      .raw()
      .toBuffer()
  ).toString('hex')
}

test('a picture may be a path, a URL, bytes, a Blob or a sharp pipeline; what it made is removed', async () => {
  const png = await red.clone().png().toBuffer()
  const path = join(folder, 'red.png')
  await writeFile(path, png)
  const server = createServer((_, response) => void response.end(png))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/red.png`
  const sources: readonly MediaSource[] = [
    path,
    pathToFileURL(path),
    pathToFileURL(path).href,
    new URL(address),
    address,
    `data:image/png;base64,${png.toString('base64')}`,
    png,
    new Uint8Array(png),
    new Blob([png]),
    red,
  ]
  const made: string[] = []
  const names: string[] = []
  {
    await using files = new MediaFiles()
    for (const source of [...sources, `${address}?key=secret#part`]) {
      const file = await files.pathOf('image', source)
      expect(await pixelsOf(file)).toBe('ff0000'.repeat(4))
      names.push(files.nameOf(file))
      if (file !== path) made.push(file)
    }
  }
  server.close()
  expect(made).toHaveLength(8)
  const bytes = Array.from({ length: 5 }, () => '(bytes)')
  expect(names).toEqual([path, path, path, address, address, ...bytes, address])
  expect(made.filter(file => existsSync(file))).toEqual([])
  expect(existsSync(path)).toBe(true)
})

test('an address without a file, and something that is no picture, are told by name', async () => {
  await using files = new MediaFiles()
  const server = createServer((_, response) => void response.writeHead(404).end())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.png`
  expect((await failure(files.pathOf('image', address))).message).toBe(
    `${address}: expected a file to fetch, got 404.`,
  )
  await new Promise(resolve => server.close(resolve))
  expect((await failure(files.pathOf('image', address))).message).toContain(
    'got connection refused (ECONNREFUSED)',
  )
  expect((await failure(files.pathOf('image', 7 as unknown as MediaSource))).message).toBe(
    'image: expected a path, URL, Uint8Array, Blob or sharp pipeline, got number.',
  )
})
