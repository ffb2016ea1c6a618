import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { AssetStore } from '../../../src/server/assets/asset-store.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()

test.each([
  ['heic', '\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'got a HEIC picture. Save it as JPEG or PNG.'],
  ['tiff', 'II*\0\x08\0\0\0', 'got a TIFF or raw picture. Save it as JPEG or PNG.'],
  ['png', 'not a picture', 'got something else. Save it'],
])(
  'a picture that is sent as %s and holds another format is refused by its name',
  async (type, bytes, got) => {
    const store = new AssetStore(new FolderStorage(join(folder, type)), { allowedHosts: [] })
    const uri = `data:image/${type};base64,${Buffer.from(bytes, 'latin1').toString('base64')}`
    await expect(store.take(uri, 'image', 'owner', ['promptImage'])).rejects.toMatchObject({
      status: 400,
      details: { param: 'promptImage', issues: [{ message: expect.stringContaining(got) }] },
    })
  },
)
