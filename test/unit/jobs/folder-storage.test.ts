import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
const storage = new FolderStorage(folder)

describe('a folder storage', () => {
  test('writes, replaces, finds and removes a file, and leaves nothing else', async () => {
    await storage.write('outputs/a/1-video.mp4', Buffer.from('first'))
    await storage.write('outputs/a/1-video.mp4', Buffer.from('second'))
    expect(await storage.stat('outputs/a/1-video.mp4')).toMatchObject({ bytes: 6 })
    expect(await readFile(storage.pathOf('outputs/a/1-video.mp4'), 'utf8')).toBe('second')
    expect(await readdir(join(folder, 'outputs/a'))).toEqual(['1-video.mp4'])
    await storage.remove('outputs/a')
    expect(await storage.stat('outputs/a/1-video.mp4')).toBeUndefined()
    await storage.remove('outputs/a')
  })

  test('takes over a file that is on its file system', async () => {
    const made = join(folder, 'made.tmp')
    await writeFile(made, 'bytes')
    await storage.adopt(made, 'uploads/b')
    expect(await storage.stat('uploads/b')).toMatchObject({ bytes: 5 })
  })

  test('copies a file, and removes what has not changed since a time', async () => {
    await storage.write('old/a/one', Buffer.from('1'))
    await storage.copy('old/a/one', 'old/b/two')
    expect(await readFile(storage.pathOf('old/b/two'), 'utf8')).toBe('1')
    expect(await storage.removeOlder('old', new Date(Date.now() - 60_000))).toBe(0)
    expect(await storage.removeOlder('old', new Date(Date.now() + 60_000))).toBe(2)
    expect(await readdir(join(folder, 'old'))).toEqual([])
    expect(await storage.removeOlder('nothing-there', new Date())).toBe(0)
  })

  test('a folder is not a file', async () => {
    expect(await storage.stat('uploads')).toBeUndefined()
    expect(await storage.stat('uploads/b/below-a-file')).toBeUndefined()
  })

  test.each([
    '',
    '/etc/passwd',
    '../up',
    'a/../b',
    'a//b',
    'a/',
    '.hidden',
    'A',
    'a\\b',
    'a\0b',
    'a'.repeat(513),
  ])('refuses the key %j', name => {
    expect(() => storage.pathOf(name)).toThrow('storage key: expected')
  })
})
