import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { FileKeys } from '../../../src/jobs/file-keys.ts'
import type { KeyStore } from '../../../src/jobs/key-store.ts'
import { openKeys } from '../../../src/jobs/open-jobs.ts'
import { type PostgresServer, postgresOfRun } from '../../postgres-server.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
let server: PostgresServer
let address: string

beforeAll(async () => {
  server = await postgresOfRun()
  address = await server.createDatabase()
}, 120_000)

describe.each([
  ['in a file', async (): Promise<KeyStore> => await openKeys(join(folder, 'database'))],
  ['on a server', async (): Promise<KeyStore> => await openKeys(address)],
])('keys %s', (_, open) => {
  test('are found by their secret until they are revoked', async () => {
    await using keys = await open()
    expect(await keys.any()).toBe(false)
    const first = await keys.create('studio', { activeTasks: 4 })
    const second = await keys.create('laptop')
    expect(first.secret).toMatch(/^key_[0-9a-f]{128}$/)
    const { secret, ...known } = first
    expect(await keys.find(secret)).toEqual(known)
    expect(known.limits).toEqual({ activeTasks: 4 })
    expect((await keys.list()).map(({ name }) => name)).toEqual(['studio', 'laptop'])
    const revoked = await keys.revoke(first.id)
    expect(revoked?.revokedAt).toMatch(/Z$/)
    expect(await keys.find(secret)).toBeUndefined()
    expect((await keys.find(second.secret))?.id).toBe(second.id)
    expect(await keys.any()).toBe(true)
    expect((await keys.revoke(first.id))?.revokedAt).toBe(revoked?.revokedAt)
    expect(await keys.revoke('nobody')).toBeUndefined()
    await keys.revoke(second.id)
    expect(await keys.any()).toBe(false)
  })

  test('that are made by one are known to another that has them open', async () => {
    await using here = await open()
    await using there = await open()
    expect(await there.find('key_')).toBeUndefined()
    const { secret, id } = await here.create('later')
    expect((await there.find(secret))?.id).toBe(id)
    await there.revoke(id)
    expect(await here.find(secret)).toBeUndefined()
  })

  test('made at the same time are all kept', async () => {
    await using keys = await open()
    await using others = await open()
    const before = (await keys.list()).length
    await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? keys : others).create(`key ${i}`)))
    expect(await keys.list()).toHaveLength(before + 10)
  })
})

test('no secret is in the file of the keys, which only its owner can read', async () => {
  const path = join(folder, 'alone', 'keys.json')
  const { secret } = await new FileKeys(path).create('x')
  const text = readFileSync(path, 'utf8')
  expect(text).not.toContain(secret)
  expect(text).not.toContain(secret.slice(4, 40))
  if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
})
