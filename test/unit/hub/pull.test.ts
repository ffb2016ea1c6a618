import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fixture, hasFixture } from '../../fixtures.ts'
import { contentsOf, digests, id, needed, place, useTinyHub } from './tiny-hub.ts'
import { tinyRepository, weightsPath } from './tiny-repository.ts'

const hub = useTinyHub()

describe('pullModel', () => {
  it('downloads what a diffusers folder needs and nothing else', async () => {
    await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
  })

  it('tells what it will do, how far it is, and when it is done', async () => {
    const events = await hub.pull()
    const bytes = Object.values(needed).reduce((sum, content) => sum + content.length, 0)
    const count = Object.keys(needed).length
    expect(events[0]).toEqual({
      type: 'pull-start',
      id,
      commit: hub.server.commit,
      path: hub.path,
      files: count,
      bytes,
    })
    expect(events.at(-1)).toEqual({ type: 'pull-end', path: hub.path })
    const ofWeights = events.filter(event => 'file' in event && event.file === weightsPath)
    expect(ofWeights.at(-2)).toEqual({
      type: 'file-progress',
      file: weightsPath,
      received: 400_000,
      bytes: 400_000,
    })
    expect(ofWeights.at(-1)).toEqual({ type: 'file-end', file: weightsPath, bytes: 400_000, reused: false })
    expect(events.filter(event => event.type === 'file-end').map(event => event.file)).toEqual(
      Object.keys(needed),
    )
  })

  it('downloads nothing twice', async () => {
    await hub.pull()
    hub.server.requests.length = 0
    hub.server.storageRequests.length = 0
    const events = await hub.pull()
    expect(events.filter(event => event.type === 'file-end').every(event => event.reused)).toBe(true)
    expect(hub.server.storageRequests).toEqual([])
  })

  it('notices a file that was changed on disk', async () => {
    await hub.pull()
    await writeFile(join(hub.path, weightsPath), 'short')
    await rm(join(hub.path, 'model_index.json'))
    await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
  })

  it('verifies files that it has no record of, and keeps those that are right', async () => {
    await place(join(hub.path, weightsPath), needed[weightsPath]!)
    await place(join(hub.path, 'tokenizer/spiece.model'), Buffer.alloc(5_000))
    const events = await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
    const reused = events.filter(event => event.type === 'file-end' && event.reused)
    expect(reused).toEqual([{ type: 'file-end', file: weightsPath, bytes: 400_000, reused: true }])
  })

  it('follows a revision that has moved, and removes what the model no longer has', async () => {
    await hub.pull()
    const { 'tokenizer/merges.txt': _, ...others } = needed
    const sameSize = Buffer.alloc(needed['transformer/config.json']!.length, 0x20)
    const moved = { ...others, 'transformer/config.json': sameSize }
    hub.server.commit = 'b'.repeat(40)
    hub.server.files = tinyRepository(moved)
    await hub.pull()
    expect(await hub.pulled()).toEqual(digests(moved))
  })

  it('keeps another revision in another folder', async () => {
    const events = await hub.pull({ revision: 'refs/pr/1' })
    const path = join(hub.folder, 'someone', 'tiny-video@refs%2Fpr%2F1')
    expect(events.at(-1)).toEqual({ type: 'pull-end', path })
    expect(hub.server.requests[0]?.path).toBe(`/api/models/${id}/revision/refs%2Fpr%2F1`)
  })

  it('gives its token to the hub and to nobody else', async () => {
    await hub.pull({ token: 'secret' })
    expect(new Set(hub.server.requests.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer secret']),
    )
    expect(new Set(hub.server.storageRequests.map(({ authorization }) => authorization))).toEqual(
      new Set([undefined]),
    )
  })

  const golden = 'wan21-t2v/model'
  const isHere = ['vae', 'transformer'].every(part =>
    hasFixture(`${golden}/${part}/diffusion_pytorch_model.safetensors`),
  )
  it.runIf(isHere)('pulls a Wan model byte for byte', async () => {
    hub.server.files = await contentsOf(fixture(golden))
    hub.inject('transformer/diffusion_pytorch_model.safetensors', { dropAfter: 70_000 })
    await hub.pull()
    expect(await hub.pulled()).toEqual(digests(hub.server.files))
  })
})
