import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CancelledError, MediaError } from '../errors.ts'
import type { TimedPicture } from './at-rate.ts'
import { readPicture } from './read-picture.ts'
import { recordedRate } from './read-record.ts'
import type { StoredClip } from './video-input.ts'

const pictureName = /\.(png|jpe?g|webp|avif)$/i

/** A folder of pictures in the order of their names, with numbers compared as numbers: 2.png before 10.png. */
export async function openPictureFolder(path: string): Promise<StoredClip> {
  const order = new Intl.Collator('en', { numeric: true }).compare
  const files = (await readdir(path))
    .filter(name => pictureName.test(name) && !name.startsWith('.'))
    .sort(order)
  const first = files[0]
  if (first === undefined) {
    throw new MediaError('media/input', {
      subject: path,
      expected: 'a folder with pictures',
      got: 'none in it',
      advice: 'They are JPEG, PNG, WebP or AVIF files, shown in the order of their names.',
    })
  }
  const { width, height } = await readPicture(join(path, first))
  const fps = await recordedRate(join(path, first))
  const paths = files.map(name => join(path, name))
  return {
    width,
    height,
    fps,
    variable: false,
    pictureCount: paths.length,
    durationSeconds: fps === undefined ? undefined : paths.length / fps,
    pictures: signal => pictures(paths, { width, height }, fps ?? 1, signal),
  }
}

async function* pictures(
  paths: readonly string[],
  { width, height }: { readonly width: number; readonly height: number },
  fps: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<TimedPicture> {
  for (const [index, path] of paths.entries()) {
    if (signal?.aborted) throw new CancelledError({ cause: signal.reason })
    const picture = await readPicture(path)
    if (picture.width !== width || picture.height !== height) {
      const expected = `${width}x${height}, as the first picture of the folder`
      throw new MediaError('media/input', {
        subject: path,
        expected,
        got: `${picture.width}x${picture.height}`,
        advice: 'Give all of them one size.',
      })
    }
    yield { time: index / fps, pixels: async () => picture.data, close: () => undefined }
  }
}
