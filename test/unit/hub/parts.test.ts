/** Files and folders of a repository on their own: pulled, found by their names, and removed. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { parseHubPath } from '../../../src/hub/hub-path.ts'
import { listModels, modelPath, removeModel } from '../../../src/hub/models.ts'
import { pullModel } from '../../../src/hub/pull.ts'
import { searchModels } from '../../../src/hub/search.ts'
import { failure } from '../../scratch.ts'
import { collect, id, needed, useTinyHub } from './tiny-hub.ts'
import { weightsPath } from './tiny-repository.ts'

const hub = useTinyHub()
const file = 'split_files/vae/wan.safetensors'
const files = {
  [file]: randomBytes(20_000),
  'split_files/text_encoders/a.safetensors': randomBytes(300),
  'split_files/text_encoders/b.gguf': randomBytes(200),
  'split_files/text_encoders/readme.md': Buffer.from('x'),
  'old.pth': randomBytes(10),
}

beforeEach(() => {
  hub.server.files = { ...hub.server.files, ...files }
})

const pull = (name: string) => collect(pullModel(name, hub.options()))
const place = (path: string) => join(hub.path, path)
const list = async () => (await listModels({ folder: hub.folder }))[0]

describe('a name', () => {
  it.each([
    ['a/b', { id: 'a/b', part: '' }],
    ['a/b/', { id: 'a/b', part: '' }],
    ['a/b/c/d.gguf', { id: 'a/b', part: 'c/d.gguf' }],
    ['https://huggingface.co/a/b', { id: 'a/b', part: '' }],
    [
      'https://huggingface.co/a/b/blob/main/c/d%20e.gguf',
      { id: 'a/b', part: 'c/d e.gguf', revision: 'main' },
    ],
    [
      'https://huggingface.co/a/b/resolve/v2/d.gguf?download=true',
      { id: 'a/b', part: 'd.gguf', revision: 'v2' },
    ],
    ['https://huggingface.co/a/b/tree/main/c', { id: 'a/b', part: 'c', revision: 'main' }],
  ])('%s is taken apart', (name, path) => {
    expect(parseHubPath(name)).toEqual(path)
  })

  it.each(['a/b/../c', 'a/b/./c', 'a/b//c', 'https://x/a/b/blob/main/%2e%2e/c'])('%s is refused', name => {
    expect(() => parseHubPath(name)).toThrow(/expected owner\/name, or a path in it/)
  })
})

it('without an owner it is refused before the hub is asked', async () => {
  const unreached = { ...hub.options(), endpoint: 'http://127.0.0.1:1' }
  const error = await failure(collect(pullModel('foo', unreached)))
  expect(error.message).toBe(
    'model: expected owner/name of a model on the hub, got "foo". Find it with: framewright models search foo',
  )
})

describe('a file', () => {
  it('is downloaded alone, and is where its name says', async () => {
    const events = await pull(`${id}/${file}`)
    expect(events.at(-1)).toEqual({ type: 'pull-end', path: place(file) })
    expect(Object.keys(await hub.pulled())).toEqual([file])
    expect(readFileSync(place(file)).equals(files[file]!)).toBe(true)
    expect(await modelPath(`${id}/${file}`, { folder: hub.folder })).toBe(place(file))
    expect(await list()).toMatchObject({ complete: true, whole: false, files: [file], bytes: 20_000 })
  })

  it('does not stand for the whole model', async () => {
    await pull(`${id}/${file}`)
    const { message } = await failure(modelPath(id, { folder: hub.folder }))
    expect(message).toMatch(/got a part of it\. Run: framewright models pull someone\/tiny-video/)
  })

  it('is downloaded beside others, and beside the model', async () => {
    await pull(`${id}/${file}`)
    await pull(id)
    await pull(`${id}/split_files/text_encoders`)
    await pull(id)
    const both = [...Object.keys(needed), ...Object.keys(files).slice(0, 3)].sort()
    expect(Object.keys(await hub.pulled()).sort()).toEqual(both)
    expect(await list()).toMatchObject({ complete: true, whole: true })
    expect(await modelPath(id, { folder: hub.folder })).toBe(hub.path)
  })

  it('that does not arrive leaves the model as complete as it was', async () => {
    await pull(id)
    hub.inject(file, { dropAfter: 500 }, { status: 404 })
    await failure(pull(`${id}/${file}`))
    expect(await list()).toMatchObject({ complete: true, whole: true })
    expect((await failure(modelPath(`${id}/${file}`, { folder: hub.folder }))).code).toBe(
      'checkpoint/not-found',
    )
    await pull(`${id}/${file}`)
    expect(hub.server.requestsFor(file).some(({ range }) => range === 'bytes=500-')).toBe(true)
  })

  it('that is not there is refused with those that are', async () => {
    expect((await failure(pull(`${id}/split_files/vae/other.safetensors`))).message).toMatch(
      /got nothing of that name\. Its weights are .*split_files|Its weights are /,
    )
    expect((await failure(pull(`${id}/old.pth`))).message).toMatch(/a pickle, which can run code/)
  })
})

it('a folder is downloaded without what cannot be read', async () => {
  const events = await pull(`${id}/split_files/text_encoders/`)
  expect(events.at(-1)).toEqual({ type: 'pull-end', path: place('split_files/text_encoders') })
  expect(Object.keys(await hub.pulled()).sort()).toEqual([
    'split_files/text_encoders/a.safetensors',
    'split_files/text_encoders/b.gguf',
  ])
})

it('a repository of single files is refused with their names', async () => {
  hub.server.files = files
  expect((await failure(pull(id))).message).toMatch(
    /Pull a file of it, with its path after the name, .*-Diffusers\. Its weights are split_files\/vae\/wan\.safetensors, /,
  )
})

describe('removing', () => {
  it('a file takes it and the folders that are empty then', async () => {
    await pull(`${id}/${file}`)
    await pull(`${id}/split_files/text_encoders/b.gguf`)
    const removed = await removeModel(`${id}/${file}`, { folder: hub.folder })
    expect(removed).toEqual({ path: place(file), files: 1, bytes: 20_000 })
    expect(existsSync(place('split_files/vae'))).toBe(false)
    expect(await list()).toMatchObject({ files: ['split_files/text_encoders/b.gguf'], complete: true })
  })

  it('a model takes everything that was pulled', async () => {
    await pull(id)
    await pull(`${id}/${file}`)
    await removeModel(id, { folder: hub.folder })
    expect(existsSync(hub.path)).toBe(false)
    expect(await list()).toBeUndefined()
    expect((await failure(removeModel(id, { folder: hub.folder }))).message).toMatch(/got nothing/)
  })

  it('a file of a whole model leaves one that is not whole', async () => {
    await pull(id)
    await removeModel(`${id}/${weightsPath}`, { folder: hub.folder })
    expect(await list()).toMatchObject({ complete: false })
  })
})

describe('searching', () => {
  it('without a connection names what to set, and nothing to go on from', async () => {
    const retry = { retries: 0, delayMs: 1 }
    const { message } = await failure(searchModels('wan', { endpoint: 'http://127.0.0.1:1', retry }))
    expect(message).toMatch(/^search for wan: expected a connection to http:\/\/127\.0\.0\.1:1, got /)
    expect(message).toMatch(/Run the command again\. Check the network: HF_ENDPOINT .*HTTPS_PROXY/)
  })

  const search = (words: string, limit?: number) =>
    searchModels(words, {
      endpoint: hub.server.endpoint,
      retry: { retries: 0, delayMs: 1 },
      ...(limit !== undefined && { limit }),
    })

  it('gives names, and what kind of weights they have', async () => {
    expect(await search('tiny')).toEqual([
      { id, downloads: 1200, likes: 3, gated: false, pipeline: 'WanPipeline', formats: ['safetensors'] },
      {
        id: 'someone/tiny-gguf',
        downloads: 70,
        likes: 1,
        gated: true,
        pipeline: undefined,
        formats: ['gguf'],
      },
      {
        id: 'someone/tiny-other',
        downloads: 7,
        likes: 0,
        gated: false,
        pipeline: 'FluxPipeline',
        formats: [],
      },
    ])
    expect(await search('tiny', 1)).toHaveLength(1)
    expect(await search('nothing')).toEqual([])
  })

  it('fails where the hub does not answer', async () => {
    hub.inject('search', { status: 503 })
    expect(await failure(search('tiny'))).toMatchObject({ code: 'hub/download' })
  })
})
