import { copyFile, readFile, writeFile } from 'node:fs/promises'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { readRecord } from '../../../src/media/read-record.ts'
import { flatFrames, record, temporaryFolder, writeClip } from './clip-samples.ts'

const folder = temporaryFolder()
const size = { width: 64, height: 64, fps: 8 }

describe('reading how a clip was made', () => {
  it('does not mind the name of the file', async () => {
    await writeClip(flatFrames(2, 64, 64), { path: `${folder.path}named.mp4`, ...size, metadata: record })
    await copyFile(`${folder.path}named.mp4`, `${folder.path}renamed.bin`)
    expect(await readRecord(`${folder.path}renamed.bin`)).toEqual(record)
  })

  it('works on one picture that was taken out of a folder', async () => {
    await writeClip(flatFrames(3, 64, 64), { path: `${folder.path}pictures/`, ...size, metadata: record })
    await copyFile(`${folder.path}pictures/00002.png`, `${folder.path}alone.png`)
    expect(await readRecord(`${folder.path}alone.png`)).toEqual(record)
  })

  it.each(['plain.mp4', 'plain.webm', 'plain.gif', 'plain.webp', 'plain/'])(
    'finds none in %s',
    async name => {
      await writeClip(flatFrames(2, 64, 64), { path: folder.path + name, ...size })
      expect(await readRecord(folder.path + name)).toBeUndefined()
    },
  )

  it('finds none in pictures of other programs, and in a folder without pictures', async () => {
    const grey = sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } })
    await grey
      .clone()
      .withExif({ IFD0: { ImageDescription: 'a cat' } })
      .jpeg()
      .toFile(`${folder.path}cat.jpg`)
    await grey.clone().avif().toFile(`${folder.path}cat.avif`)
    await writeFile(`${folder.path}notes.txt`, 'hello')
    expect(await readRecord(`${folder.path}cat.jpg`)).toBeUndefined()
    expect(await readRecord(`${folder.path}cat.avif`)).toBeUndefined()
    await expect(readRecord(`${folder.path}notes.txt`)).rejects.toThrow(
      'expected a picture (JPEG, PNG, WebP, AVIF) or a video (MP4, MOV, WebM, GIF), got something else. Save it as one of these.',
    )
  })

  it('keeps a prompt of any length in every format', async () => {
    const long = { ...record, prompt: 'ein sehr langer Satz über Bälle. '.repeat(4000) }
    for (const name of ['long.mp4', 'long.webm', 'long.gif', 'long.webp', 'long/']) {
      await writeClip(flatFrames(2, 64, 64), { path: folder.path + name, ...size, metadata: long })
      expect(await readRecord(folder.path + name)).toEqual(long)
    }
  })

  it.each([
    ['missing.mp4', undefined, 'got nothing at that path'],
    ['empty.mp4', '', 'got an empty file'],
    ['broken.webm', '\x1a\x45\xdf\xa3 and then something else', 'got one that cannot be ('],
    ['broken.webp', 'RIFF1234WEBPVP8 and then', 'got one that cannot be ('],
  ])('reports %s', async (name, content, message) => {
    if (content !== undefined) await writeFile(folder.path + name, content, 'latin1')
    await expect(readRecord(folder.path + name)).rejects.toMatchObject({
      code: 'media/input',
      message: expect.stringContaining(message),
    })
  })

  it('reports a record that was damaged', async () => {
    const path = `${folder.path}damaged.mp4`
    await writeClip(flatFrames(2, 64, 64), { path, ...size, metadata: record })
    const bytes = await readFile(path)
    bytes.write('"xteps"', bytes.indexOf('"steps"'))
    await writeFile(path, bytes)
    await expect(readRecord(path)).rejects.toThrow('expected a complete generation record in its metadata')
  })
})
