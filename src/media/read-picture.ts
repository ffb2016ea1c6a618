import { MediaError } from '../errors.ts'
import { decodePicture, type Picture, readPictureFile } from './decode-picture.ts'
import { fileKind } from './file-kind.ts'

export type { Picture } from './decode-picture.ts'

/**
 * Reads a JPEG, PNG, WebP or AVIF picture (the first one of an animation), turned upright as its EXIF orientation
 * says. Colours are brought to sRGB by the ICC profile that the file embeds, or the code points (cICP, nclx) that it is marked
 * with. Without either the numbers are those of the file, and CMYK and grey become RGB as Pillow converts them. What is
 * transparent is laid over white, where diffusers would show the colours that the file hides there.
 *
 * @throws MediaError when the file is missing, broken, of another kind or has more than 2^26 pixels
 */
export async function readPicture(path: string): Promise<Picture> {
  const kind = await fileKind(path)
  if (kind === 'folder' || kind === 'movie') {
    const got = kind === 'folder' ? 'a folder' : 'a video'
    throw new MediaError('media/input', {
      subject: path,
      expected: 'a JPEG, PNG, WebP or AVIF picture',
      got,
      advice: kind === 'folder' ? 'Name one picture of it.' : 'Save one of its frames as a picture.',
    })
  }
  return decodePicture(await readPictureFile(path))
}
