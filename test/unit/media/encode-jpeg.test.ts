import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeJpeg } from '../../../src/media/encode-jpeg.ts'
import { readPicture } from '../../../src/media/read-picture.ts'
import { scratchFolder } from '../../scratch.ts'

test('a picture comes back from its JPEG about as it was, in its size', async () => {
  const data = new Uint8Array(24 * 16 * 3).map((_, i) => [200, 60, 30][i % 3]!)
  const path = join(scratchFolder(), 'a.jpg')
  await writeFile(path, await encodeJpeg({ width: 24, height: 16, data }, 95))
  const read = await readPicture(path)
  expect([read.width, read.height]).toEqual([24, 16])
  const worst = Math.max(...read.data.map((value, i) => Math.abs(value - data[i]!)))
  expect(worst).toBeLessThan(6)
})
