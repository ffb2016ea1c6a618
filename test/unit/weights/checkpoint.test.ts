import { cpSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openWeights } from '../../../src/weights/checkpoint.ts'
import { readTensor } from '../../../src/weights/safetensors.ts'
import { synthesizeWeights } from '../../../src/weights/sparse.ts'
import { fixture } from '../../fixtures.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { headerOf, safetensorsBytes, smallFile } from './safetensors-bytes.ts'

const scratch = scratchFolder()
let folders = 0

function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = join(scratch, String(folders++))
  mkdirSync(folder)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

/** A file with one-byte tensors of the given keys. */
function fileOf(...keys: string[]): Buffer {
  const entry = (index: number) => ({ dtype: 'U8', shape: [1], data_offsets: [index, index + 1] })
  const members = Object.fromEntries(keys.map((key, index) => [key, entry(index)]))
  return safetensorsBytes(
    headerOf(members),
    Uint8Array.from(keys, key => key.charCodeAt(0)),
  )
}

const indexName = 'model.safetensors.index.json'
const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const

/** A folder with shards of a, b and of c, and this index over them. */
function shardedWith(index: unknown): string {
  const text = typeof index === 'string' ? index : JSON.stringify(index)
  return folderWith({ [indexName]: text, [first]: fileOf('a', 'b'), [second]: fileOf('c') })
}

const goodMap = { a: first, b: first, c: second }

describe('one file', () => {
  test.each(['diffusion_pytorch_model', 'model'])('is found as %s, and counted', async base => {
    const folder = folderWith({ [`${base}.safetensors`]: smallFile, 'config.json': '{}' })
    const weights = await openWeights(folder)
    expect(weights).toMatchObject({ folder, parameters: 10, bytes: 32 })
    expect(weights.files).toEqual([realpathSync(join(folder, `${base}.safetensors`))])
    expect([...weights.tensors.keys()]).toEqual(['a', 'b', 'c'])
  })

  test('of a variant is accepted when it is the only one', async () => {
    const weights = await openWeights(folderWith({ 'model.fp16.safetensors': smallFile }))
    expect(weights.tensors.size).toBe(3)
  })

  test('without a variant wins over variants', async () => {
    const folder = folderWith({ 'model.fp16.safetensors': fileOf('x'), 'model.safetensors': smallFile })
    expect((await openWeights(folder)).tensors.has('a')).toBe(true)
  })

  test('can be chosen by its base name', async () => {
    const folder = folderWith({ 'model.safetensors': smallFile, 'model.ema.safetensors': fileOf('x') })
    writeFileSync(join(folder, 'diffusion_pytorch_model.safetensors'), fileOf('y'))
    expect((await openWeights(folder, 'model.ema')).tensors.has('x')).toBe(true)
    expect((await openWeights(folder, 'model')).tensors.has('a')).toBe(true)
  })

  test.each([
    ['two variants', ['model.bf16.safetensors', 'model.fp16.safetensors']],
    ['two base names', ['diffusion_pytorch_model.safetensors', 'model.safetensors']],
    ['a file and an index', ['model.safetensors', indexName]],
  ])('is refused where it is not clear which: %s', async (_, names) => {
    const folder = folderWith(Object.fromEntries(names.map(name => [name, smallFile])))
    const { code, message } = await failure(openWeights(folder))
    expect(code).toBe('checkpoint/not-found')
    expect(message).toContain(`${folder}: expected one set of weights, got ${names.join(', ')}.`)
  })

  test('is refused when only pickled weights are there, and says what is needed', async () => {
    for (const name of ['diffusion_pytorch_model.bin', 'model.pth', 'pytorch_model.bin.index.json']) {
      const { code, message } = await failure(openWeights(folderWith({ [name]: 'x' })))
      expect(code).toBe('checkpoint/not-found')
      expect(message).toMatch(/got only pickled weights .*Weights have to be \.safetensors/)
    }
  })

  test('is refused when there are no weights, no folder, or a file in its place', async () => {
    const code = 'checkpoint/not-found'
    const empty = folderWith({})
    expect(await failure(openWeights(empty))).toMatchObject({
      code,
      message: expect.stringContaining('an empty folder'),
    })
    expect(await failure(openWeights(join(empty, 'none')))).toMatchObject({ code })
    const folder = folderWith({ 'config.json': '{}' })
    expect(await failure(openWeights(folder))).toMatchObject({
      code,
      message: expect.stringContaining('config.json'),
    })
    expect(await failure(openWeights(join(folder, 'config.json')))).toMatchObject({ code })
  })
})

describe('shards', () => {
  test('are joined, and each tensor is read from its own', async () => {
    const folder = shardedWith({ metadata: { total_size: 3 }, weight_map: goodMap })
    const weights = await openWeights(folder)
    expect([...weights.tensors.keys()]).toEqual(['a', 'b', 'c'])
    expect(weights).toMatchObject({ parameters: 3, bytes: 3 })
    expect(weights.tensors.get('c')?.file).toBe(realpathSync(join(folder, second)))
    for (const [key, location] of weights.tensors) {
      expect((await readTensor(location)).data[0]).toBe(key.charCodeAt(0))
    }
  })

  test('of a variant are accepted when they are the only ones', async () => {
    const [one, two] = ['model.fp16-00001-of-00002.safetensors', 'model-00002-of-00002.fp16.safetensors']
    const index = JSON.stringify({ weight_map: { a: one, c: two } })
    const files = { 'model.safetensors.index.fp16.json': index, [one]: fileOf('a'), [two]: fileOf('c') }
    expect((await openWeights(folderWith(files))).tensors.size).toBe(2)
  })

  test('are read as diffusers wrote them', async () => {
    const folder = fixture('wan21-t2v-bf16/model/text_encoder')
    const weights = await openWeights(folder)
    const index = JSON.parse(readFileSync(join(folder, indexName), 'utf8')) as {
      metadata: Record<string, number>
    }
    expect(weights.bytes).toBe(index.metadata.total_size)
    expect(weights.parameters).toBe(index.metadata.total_parameters)
    expect(weights.files).toHaveLength(4)
  })

  test('are found through the links of a Hugging Face cache', async () => {
    const [blobs, snapshot] = [folderWith({}), folderWith({})]
    const source = shardedWith({ weight_map: goodMap })
    for (const [index, name] of [indexName, first, second].entries()) {
      cpSync(join(source, name), join(blobs, `blob-${index}`))
      symlinkSync(join(blobs, `blob-${index}`), join(snapshot, name))
    }
    const weights = await openWeights(snapshot)
    expect(weights.files).toEqual(['blob-1', 'blob-2'].map(name => realpathSync(join(blobs, name))))
    expect(weights.tensors.get('c')?.file).toBe(weights.files[1])
    rmSync(join(blobs, 'blob-2'))
    expect(await failure(openWeights(snapshot))).toMatchObject({
      code: 'checkpoint/not-found',
      message: expect.stringContaining(join(snapshot, second)),
    })
  })

  test.each([
    '../model.safetensors',
    '/etc/passwd.safetensors',
    'sub/model.safetensors',
    'sub\\model.safetensors',
    '..',
    '.safetensors',
    '',
    'model.bin',
    'a\0.safetensors',
    'C:model.safetensors',
    `${'n'.repeat(300)}.safetensors`,
    7,
    null,
    [first],
  ])('are refused when the index names %j', async name => {
    const { code, message } = await failure(openWeights(shardedWith({ weight_map: { ...goodMap, c: name } })))
    expect(code).toBe('checkpoint/corrupt')
    expect(message).toMatch(/index\.json: weight_map\["c"\]: expected the plain name of a \.safetensors file/)
  })

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"weight_map":[]}',
    '{"weight_map":{}}',
    '{"weight_map":"x"}',
    '{"a":NaN}',
  ])('are refused when the index is %j', async text => {
    const { code, message } = await failure(openWeights(shardedWith(text)))
    expect(code).toBe('checkpoint/corrupt')
    expect(message).toContain(indexName)
    expect(message).toMatch(/Download the file again\.$/)
  })

  test('are refused when the index lists a tensor twice', async () => {
    const text = `{"weight_map":{"a":"${first}","b":"${first}","c":"${second}","c":"${second}"}}`
    expect(await failure(openWeights(shardedWith(text)))).toMatchObject({
      code: 'checkpoint/corrupt',
      message: expect.stringContaining('"c" comes twice'),
    })
  })

  test('are refused when a tensor is not in the shard that the index names', async () => {
    const folder = shardedWith({ weight_map: { ...goodMap, lost: second } })
    expect(await failure(openWeights(folder))).toMatchObject({
      code: 'checkpoint/tensors',
      message: expect.stringContaining(`"lost": expected a tensor in ${second}, got none.`),
    })
    expect(await failure(openWeights(shardedWith({ weight_map: { ...goodMap, b: second } })))).toMatchObject({
      code: 'checkpoint/tensors',
    })
  })

  test('are refused when a shard holds a tensor that the index does not list there', async () => {
    const unlisted = shardedWith({ weight_map: { a: first, c: second } })
    expect(await failure(openWeights(unlisted))).toMatchObject({
      code: 'checkpoint/tensors',
      message: expect.stringContaining(`"b": expected no such tensor, got one in ${first}.`),
    })
    const twice = shardedWith({ weight_map: goodMap })
    writeFileSync(join(twice, second), fileOf('c', 'a'))
    expect(await failure(openWeights(twice))).toMatchObject({
      code: 'checkpoint/tensors',
      message: expect.stringContaining(`"a": expected ${first}, got one in ${second}.`),
    })
  })

  test('are refused when one is missing or cut off, by its name', async () => {
    const folder = shardedWith({ weight_map: goodMap })
    writeFileSync(join(folder, second), fileOf('c').subarray(0, -1))
    expect(await failure(openWeights(folder))).toMatchObject({
      code: 'checkpoint/corrupt',
      message: expect.stringMatching(`${second}: expected .* 1 bytes are missing`),
    })
    rmSync(join(folder, second))
    expect(await failure(openWeights(folder))).toMatchObject({
      code: 'checkpoint/not-found',
      message: expect.stringContaining(second),
    })
  })

  test('of real size open by their headers alone', async () => {
    const folder = folderWith({})
    await synthesizeWeights({ a: ['F32', [2 ** 30]], b: ['BF16', [2 ** 20, 2 ** 10]] }, folder, { shards: 2 })
    expect(await openWeights(folder)).toMatchObject({ parameters: 2 ** 31, bytes: 6 * 2 ** 30 })
  })
})
