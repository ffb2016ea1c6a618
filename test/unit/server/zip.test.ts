import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type ZippedFile, zip } from '../../../src/server/http/zip.ts'

async function archiveOf(files: readonly ZippedFile[]): Promise<Buffer> {
  const each = async function* () {
    yield* files
  }
  const parts: Uint8Array[] = []
  for await (const part of zip(each())) parts.push(part)
  return Buffer.concat(parts)
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test('an archive has the bytes of another program’s', async () => {
  const archive = await archiveOf([
    { name: '00000.png', bytes: Buffer.from('first') },
    { name: '00001.png', bytes: Buffer.alloc(0) },
    { name: '00002.png', bytes: Uint8Array.from({ length: 256 }, (_, index) => index) },
  ])
  // Python 3's zipfile: ZipInfo(name, (1980, 1, 1, 0, 0, 0)), external_attr 0o100644 << 16, stored.
  expect(sha256(archive)).toBe('daaf609a4804b1e60ad276605bacafb9c7a5c43d4b8bbfcc804243747469e054')
})

test('an archive of nothing is its end alone', async () => {
  expect((await archiveOf([])).length).toBe(22)
})

test('more files than the format counts are refused', async () => {
  const many = new Array<ZippedFile>(65_536).fill({ name: '0', bytes: Buffer.alloc(0) })
  await expect(archiveOf(many)).rejects.toThrow(RangeError)
})
