import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pageOf } from '../../../src/cli/studio.ts'
import { scratchFolder } from '../../scratch.ts'

// A new database takes a while to make where the machine is busy.
const patience = { timeout: 180_000 }

test.skipIf(process.platform !== 'linux')(
  'framewright studio opens its page once it is there',
  patience,
  async () => {
    const folder = scratchFolder()
    const bin = join(folder, 'bin')
    const opened = join(folder, 'opened')
    mkdirSync(bin)
    writeFileSync(
      join(bin, 'xdg-open'),
      `#!/bin/sh\nprintf %s "$1" > ${opened}.part && mv ${opened}.part ${opened}\n`,
    )
    chmodSync(join(bin, 'xdg-open'), 0o755)
    const words = ['dist/src/cli/main.js', 'studio', '--port', '0', '--folder', folder, '--threads', '1']
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
    const studio = spawn(process.execPath, words, { env, stdio: 'ignore' })
    try {
      await expect.poll(() => existsSync(opened), { timeout: 150_000 }).toBe(true)
      const response = await fetch(readFileSync(opened, 'utf8'), { headers: { accept: 'text/html' } })
      expect(await response.text()).toContain('<div id="studio"></div>')
    } finally {
      studio.kill('SIGTERM')
      await once(studio, 'exit')
    }
  },
)

test.each([
  ['http://127.0.0.1:8420', 'http://127.0.0.1:8420/'],
  ['http://0.0.0.0:8420', 'http://localhost:8420/'],
  ['http://[::]:8420', 'http://localhost:8420/'],
  ['https://video.example.com/studio', 'https://video.example.com/studio'],
])('a server on %s is opened at %s', (address, page) => {
  expect(pageOf(address)).toBe(page)
})
