import { readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { readSafetensorsHeader, readTensor } from '../../../src/weights/safetensors.ts'
import { referenceFolders } from '../../fixtures.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { readAll, referenceFile, referenceTensors } from './reference-file.ts'
import { headerOf, safetensorsBytes } from './safetensors-bytes.ts'

const folder = scratchFolder()

describe('readTensor', () => {
  test('reads every dtype of a file that the reference implementation wrote', async () => {
    const path = join(folder, 'reference.safetensors')
    writeFileSync(path, referenceFile)
    const tensors = await readAll(path)
    for (const [key, expected] of referenceTensors) expect(tensors.get(key), key).toEqual(expected)
    expect(tensors.size).toBe(referenceTensors.size)
  })

  test('reads every reference file as an independent reader does', async () => {
    // Those that are committed have every dtype that a checkpoint has.
    const root = referenceFolders.at(-1)!
    const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(path =>
      path.endsWith('.safetensors'),
    )
    expect(paths.length).toBeGreaterThan(0)
    for (const path of paths.map(name => join(root, name))) {
      const expected = readFixtureTensors(path)
      const tensors = await readAll(path)
      const types = (of: ReadonlyMap<string, Tensor>) =>
        [...of].map(([key, { dtype, shape }]) => `${key}: ${dtype}[${shape}]`).sort()
      expect(types(tensors), path).toEqual(types(expected))
      const others = [...expected].filter(
        ([key, { data }]) => !Buffer.from(tensors.get(key)!.data.buffer).equals(Buffer.from(data.buffer)),
      )
      expect(
        others.map(([key]) => key),
        path,
      ).toEqual([])
    }
  })

  test('reads elements that lie at an odd place in the file', async () => {
    const path = join(folder, 'odd.safetensors')
    const members = {
      byte: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
      floats: { dtype: 'F32', shape: [2], data_offsets: [1, 9] },
    }
    const data = Buffer.concat([Buffer.of(9), Buffer.from(Float32Array.of(1.5, -2).buffer)])
    writeFileSync(path, safetensorsBytes(headerOf(members), data))
    expect((await readAll(path)).get('floats')).toEqual(tensor('f32', [2], Float32Array.of(1.5, -2)))
  })

  test('refuses a file that has become shorter, and one that has gone', async () => {
    const path = join(folder, 'shrinking.safetensors')
    writeFileSync(path, referenceFile)
    const location = (await readSafetensorsHeader(path)).tensors.get('f32')!
    truncateSync(path, location.offset + 4)
    expect(await failure(readTensor(location))).toMatchObject({ code: 'checkpoint/corrupt' })
    const gone = { ...location, file: join(folder, 'gone.safetensors') }
    expect(await failure(readTensor(gone))).toMatchObject({ code: 'checkpoint/not-found' })
  })

  test('says so when a tensor does not fit in memory', async () => {
    const members = { big: { dtype: 'F32', shape: [2 ** 43], data_offsets: [0, 2 ** 45] } }
    const path = join(folder, 'big.safetensors')
    const bytes = safetensorsBytes(headerOf(members), new Uint8Array())
    writeFileSync(path, bytes)
    const location = {
      key: 'big',
      dtype: 'f32',
      shape: [2 ** 43],
      file: path,
      offset: bytes.length,
      bytes: 2 ** 45,
    } as const
    expect(await failure(readTensor(location))).toMatchObject({
      code: 'runtime/memory',
      name: 'BackendError',
    })
  })
})
