import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkFreeSpace } from '../../../src/hub/disk-space.ts'
import type { HubFile } from '../../../src/hub/repository.ts'

const checksum = { algorithm: 'sha256', hex: '' } as const
const file = (path: string, bytes: number): HubFile => ({ path, bytes, checksum })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framewright-space-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('checkFreeSpace', () => {
  it('refuses files that no disk could hold, and says how much is missing', async () => {
    await expect(checkFreeSpace(folder, [file('a', 8e15), file('b', 1e15)])).rejects.toThrow(
      /expected 9000000\.00 GB of free disk space, got [\d.]+ GB\. Make room, or set FRAMEWRIGHT_HOME/,
    )
  })

  it('accepts files that fit, and does not count what is there already', async () => {
    await writeFile(join(folder, 'whole'), 'four')
    await writeFile(join(folder, 'begun.partial'), 'four')
    await checkFreeSpace(folder, [file('whole', 4), file('begun', 8), file('new', 10)])
  })
})
