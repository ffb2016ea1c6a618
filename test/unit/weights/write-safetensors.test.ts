import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tensor } from '../../../src/tensor/tensor.ts'
import { readSafetensorsHeader, writeSafetensors } from '../../../src/weights/safetensors.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { readAll, referenceFile, referenceTensors } from './reference-file.ts'

const folder = scratchFolder()

describe('writeSafetensors', () => {
  test('writes byte for byte what the reference implementation writes', async () => {
    const path = join(folder, 'written.safetensors')
    await writeSafetensors(path, referenceTensors, new Map([['format', 'pt']]))
    expect(readFileSync(path).equals(referenceFile)).toBe(true)
  })

  test('writes only the part of a buffer that the tensor views', async () => {
    const path = join(folder, 'view.safetensors')
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3)
    await writeSafetensors(path, new Map([['x', tensor('f32', [2], data)]]))
    expect([...(await readAll(path)).get('x')!.data]).toEqual([2, 3])
  })

  test('writes under the longest name that a file can have', async () => {
    const path = join(folder, `${'ü'.repeat(121)}.safetensors`)
    await writeSafetensors(path, referenceTensors)
    expect(readFileSync(path).length).toBeGreaterThan(0)
  })

  test('writes a file without tensors', async () => {
    const path = join(folder, 'empty.safetensors')
    await writeSafetensors(path, new Map())
    expect((await readSafetensorsHeader(path)).tensors.size).toBe(0)
  })

  test('replaces a file that was there, and leaves no temporary one', async () => {
    const place = join(folder, 'replace')
    mkdirSync(place)
    const path = join(place, 'x.safetensors')
    writeFileSync(path, 'old')
    await writeSafetensors(path, referenceTensors)
    expect(readdirSync(place)).toEqual(['x.safetensors'])
    expect((await readSafetensorsHeader(path)).tensors.size).toBe(referenceTensors.size)
  })

  test('leaves nothing behind where it cannot write', async () => {
    const missing = join(folder, 'no-such-folder', 'x.safetensors')
    const what = { code: 'media/output', name: 'MediaError', message: expect.stringContaining(missing) }
    expect(await failure(writeSafetensors(missing, referenceTensors))).toMatchObject(what)
    expect(existsSync(dirname(missing))).toBe(false)
    const taken = join(folder, 'taken', 'x.safetensors')
    mkdirSync(taken, { recursive: true })
    expect(await failure(writeSafetensors(taken, referenceTensors))).toMatchObject({ code: 'media/output' })
    expect(readdirSync(dirname(taken))).toEqual(['x.safetensors'])
  })

  test.skipIf(process.getuid?.() === 0)('leaves a folder alone that it may not write to', async () => {
    const locked = join(folder, 'locked')
    mkdirSync(locked)
    chmodSync(locked, 0o555)
    const writing = writeSafetensors(join(locked, 'x.safetensors'), referenceTensors)
    expect(await failure(writing)).toMatchObject({ code: 'media/output' })
  })

  test('refuses reserved keys', async () => {
    const value = tensor('u8', [1], Uint8Array.of(1))
    for (const key of ['__metadata__', '__proto__']) {
      await expect(writeSafetensors(join(folder, 'bad'), new Map([[key, value]]))).rejects.toThrow(RangeError)
    }
    expect(existsSync(join(folder, 'bad'))).toBe(false)
  })
})
