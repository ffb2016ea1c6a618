import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordName } from '../../../src/hub/file-path.ts'
import { listModels, modelPath } from '../../../src/hub/models.ts'
import { type PullOptions, pullModel } from '../../../src/hub/pull.ts'
import { HubServer } from './hub-server.ts'
import { neededFiles, tinyRepository, weightsPath } from './tiny-repository.ts'

const id = 'someone/tiny-video'
const needed = neededFiles()
const bytes = Object.values(needed).reduce((sum, content) => sum + content.length, 0)

let folder: string
let server: HubServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framewright-models-'))
  server = await HubServer.start(id, tinyRepository(needed))
  await pull({})
  server.faults.set(weightsPath, [{ dropAfter: 1000 }])
  await pull({ revision: 'v2' }).catch(() => undefined)
  await mkdir(join(folder, 'someone', 'not-a-model'))
  await mkdir(join(folder, 'broken'))
  await writeFile(join(folder, 'broken', recordName), '{')
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

describe('listModels', () => {
  it('lists complete and interrupted models with what is on disk of them', async () => {
    const path = join(folder, 'someone', 'tiny-video')
    const { commit } = server
    const files = Object.keys(needed)
    expect(await listModels({ folder })).toEqual([
      { id, revision: 'main', commit, path, bytes, complete: true, whole: true, files },
      {
        id,
        revision: 'v2',
        commit,
        path: `${path}@v2`,
        bytes: bytes - 400_000,
        complete: false,
        whole: true,
        files,
      },
    ])
  })

  it('takes a model for incomplete when one of its files has gone', async () => {
    await pull({ revision: 'v3' })
    await rm(join(folder, 'someone', 'tiny-video@v3', weightsPath))
    const found = (await listModels({ folder })).find(({ revision }) => revision === 'v3')
    expect(found).toMatchObject({ complete: false, bytes: bytes - 400_000 })
  })

  it('finds nothing in a folder that is not there', async () => {
    expect(await listModels({ folder: join(folder, 'nowhere') })).toEqual([])
  })
})

describe('modelPath', () => {
  it('gives the folder of a complete model', async () => {
    expect(await modelPath(id, { folder })).toBe(join(folder, 'someone', 'tiny-video'))
  })

  it('says how to get a model that is not there, or not whole', async () => {
    await expect(modelPath('someone/else', { folder })).rejects.toThrow(
      /got nothing\. Run: framewright models pull someone\/else$/,
    )
    await expect(modelPath(id, { folder, revision: 'v2' })).rejects.toThrow(
      /got a part of it\. Run: framewright models pull someone\/tiny-video --revision v2$/,
    )
  })

  it('refuses a name that leaves the folder', async () => {
    await expect(modelPath('../someone', { folder })).rejects.toMatchObject({ code: 'request/invalid' })
    await expect(modelPath(id, { folder, revision: '../x' })).rejects.toMatchObject({
      code: 'request/invalid',
    })
  })
})

async function pull(options: PullOptions): Promise<void> {
  const all = { endpoint: server.endpoint, folder, retry: { retries: 0, delayMs: 1 }, ...options }
  for await (const _ of pullModel(id, all)) {
    // only its end is of interest
  }
}
