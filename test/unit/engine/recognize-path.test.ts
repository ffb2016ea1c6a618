import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { modelAt } from '../../../src/engine/model-folder.ts'
import { resolveModel } from '../../../src/engine/model-name.ts'
import { recognizePath } from '../../../src/engine/recognize-path.ts'
import { fixture } from '../../fixtures.ts'
import { rejection, scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()

/** A folder of files, each with its content. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(scratch, 'folder-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

const file = (name: string, content: string) => join(folderOf({ [name]: content }), name)
const header = '\x02\0\0\0\0\0\0\0{}'

describe('a path', () => {
  test.each<[string, () => string, object]>([
    ['nothing', () => join(scratch, 'nowhere'), { kind: 'nothing' }],
    ['a diffusers folder', () => folderOf({ 'model_index.json': '{}' }), { kind: 'diffusers' }],
    ['an exported folder', () => folderOf({ 'framewright-export.json': '{}' }), { kind: 'exported' }],
    ['an empty folder', () => folderOf({}), { kind: 'folder' }],
    [
      'a component of a model',
      () =>
        join(
          folderOf({ 'model_index.json': '{}', 'vae/config.json': '{"_class_name":"AutoencoderKLWan"}' }),
          'vae',
        ),
      { kind: 'component', className: 'AutoencoderKLWan' },
    ],
    [
      'a folder in its makers’ layout',
      () =>
        folderOf({
          'config.json': '{"_class_name":"WanModel"}',
          'a.safetensors': header,
          'Wan2.1_VAE.pth': 'PK',
        }),
      { kind: 'weights-folder' },
    ],
    ['a .safetensors file', () => file('wan.safetensors', header), { kind: 'safetensors' }],
    ['a .safetensors file of another name', () => file('wan.sft', header), { kind: 'safetensors' }],
    ['a GGUF file', () => file('wan.gguf', 'GGUF\x03\0\0\0'), { kind: 'gguf' }],
    ['a GGUF file of another name', () => file('wan.safetensors', 'GGUF\x03\0\0\0'), { kind: 'gguf' }],
    ['a pickle', () => file('wan.pth', 'PK\x03\x04'), { kind: 'pickle' }],
    [
      'a Git LFS pointer',
      () => file('wan.safetensors', 'version https://git-lfs.github.com/spec/v1\n'),
      { kind: 'lfs-pointer' },
    ],
    ['any other file', () => file('wan.txt', 'hello'), { kind: 'file' }],
  ])('is recognised: %s', async (_, make, expected) => {
    expect(await recognizePath(make())).toMatchObject(expected)
  })
})

describe('what no model can be run from is refused with what it is', () => {
  test.each<[string, () => string, RegExp]>([
    [
      'a pickle',
      () => file('wan.pth', 'PK\x03\x04'),
      /got a file of pickled weights\. Weights have to be \.safetensors/,
    ],
    [
      'a component',
      () => {
        const index = '{"transformer":["diffusers","WanTransformer3DModel"]}'
        return join(folderOf({ 'model_index.json': index, 'transformer/x.gguf': 'GGUF' }), 'transformer')
      },
      /got one component of a model \(transformer\)\. Give the folder of the whole model: /,
    ],
    [
      'a folder beside the components of a model',
      () => join(folderOf({ 'model_index.json': '{}', 'mine/x.safetensors': header }), 'mine'),
      /got a folder of weights without model_index\.json \(x\.safetensors\)\. Name the file of the transformer/,
    ],
    [
      'a folder in its makers’ layout',
      () =>
        folderOf({
          'config.json': '{"_class_name":"WanModel"}',
          'x-00001-of-00002.safetensors': header,
          'y.pth': 'PK',
        }),
      /got a folder of weights without model_index\.json \(x-00001-of-00002\.safetensors, y\.pth\)\. .*-Diffusers/,
    ],
    [
      'a folder of single files',
      () => folderOf({ 'a_vae.safetensors': header, 'pix.safetensors': header, 't5.gguf': 'GGUF' }),
      /\(a_vae\.safetensors, pix\.safetensors, t5\.gguf\)\. Name the file of the transformer itself, such as \S+\/pix\.safetensors\.$/,
    ],
    [
      'a folder of one file',
      () => folderOf({ 'pix.gguf': 'GGUF' }),
      /\(pix\.gguf\)\. Name the file .* \S+\/pix\.gguf\.$/,
    ],
    [
      'another folder',
      () => folderOf({ 'a.txt': '' }),
      /got a folder without model_index\.json\. Give the folder that holds/,
    ],
  ])('%s', async (_, make, message) => {
    expect(await rejection(resolveModel(make()))).toMatchObject({
      code: 'checkpoint/not-found',
      message: expect.stringMatching(message),
    })
  })
})

test('a name that is nearly that of a model says which one', async () => {
  expect(await rejection(resolveModel('dodle'))).toMatchObject({
    code: 'checkpoint/not-found',
    message: expect.stringMatching(/got nothing of that name\. Did you mean doodle\?$/),
  })
  expect(await rejection(resolveModel('wan'))).toMatchObject({
    message: expect.stringMatching(/List the models that are here with: framewright models list$/),
  })
})

test.each(['wan.safetensors', 'wan.gguf'])('a file of weights is opened as one: %s', async name => {
  const path = file(name, name.endsWith('.gguf') ? 'GGUF' : header)
  expect(await modelAt(path)).toEqual({ kind: 'file', path })
  expect(await resolveModel(path)).toBe(path)
})

describe('the Hugging Face cache', () => {
  afterEach(() => vi.unstubAllEnvs())

  /** A cache as huggingface_hub writes it: files are links into a folder of blobs. */
  function cache({ ref = true } = {}): { hub: string; snapshot: string; repository: string } {
    const hub = mkdtempSync(join(scratch, 'hub-'))
    const repository = join(hub, 'models--Owner--Name')
    const snapshot = join(repository, 'snapshots/abc')
    mkdirSync(join(repository, 'blobs'), { recursive: true })
    mkdirSync(snapshot, { recursive: true })
    cpSync(fixture('wan21-t2v/model/model_index.json'), join(repository, 'blobs/0'))
    symlinkSync('../../blobs/0', join(snapshot, 'model_index.json'))
    if (ref) {
      mkdirSync(join(repository, 'refs'))
      writeFileSync(join(repository, 'refs/main'), 'abc')
    }
    return { hub, snapshot, repository }
  }

  test.each([true, false])(
    'the folder of a repository stands for its snapshot (main fetched: %s)',
    async ref => {
      const { repository, snapshot } = cache({ ref })
      expect(await resolveModel(repository)).toBe(snapshot)
    },
  )

  test.each<[string, (hub: string) => Record<string, string>]>([
    ['HF_HUB_CACHE', hub => ({ HF_HUB_CACHE: hub })],
    [
      'HF_HOME',
      hub => {
        const home = mkdtempSync(join(scratch, 'home-'))
        symlinkSync(hub, join(home, 'hub'))
        return { HF_HUB_CACHE: '', HUGGINGFACE_HUB_CACHE: '', HF_HOME: home }
      },
    ],
    [
      'the cache folder of the user',
      hub => {
        const home = mkdtempSync(join(scratch, 'cache-'))
        mkdirSync(join(home, 'huggingface'))
        symlinkSync(hub, join(home, 'huggingface/hub'))
        return { HF_HUB_CACHE: '', HUGGINGFACE_HUB_CACHE: '', HF_HOME: '', XDG_CACHE_HOME: home }
      },
    ],
  ])('a model that lies in it is used: %s', async (_, variables) => {
    const { hub } = cache()
    vi.stubEnv('FRAMEWRIGHT_HOME', join(scratch, 'home'))
    for (const [name, value] of Object.entries(variables(hub))) vi.stubEnv(name, value)
    expect(await resolveModel('Owner/Name')).toMatch(/models--Owner--Name\/snapshots\/abc$/)
    expect(await rejection(resolveModel('Owner/Other'))).toMatchObject({
      message: expect.stringMatching(/Run: framewright models pull Owner\/Other$/),
    })
  })

  test('a repository without a snapshot says what to pull', async () => {
    const { repository, snapshot } = cache({ ref: false })
    rmSync(snapshot, { recursive: true })
    expect(await rejection(resolveModel(repository))).toMatchObject({
      code: 'checkpoint/not-found',
      message: expect.stringMatching(
        /without a snapshot\. Fetch it with: framewright models pull Owner\/Name$/,
      ),
    })
  })
})
