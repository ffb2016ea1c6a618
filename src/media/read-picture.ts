import { MediaError } from '../errors.ts'
import { fileKind } from './file-kind.ts'
import { libraryReason } from './library-reason.ts'

/** The most pixels that are decoded of a picture: 8192 x 8192, 192 MiB as RGB. */
export const mostPixels = 2 ** 26

export interface Picture {
  readonly width: number
  readonly height: number
  /** RGB, [height, width, 3] */
  readonly data: Uint8Array
}

/**
 * Reads a JPEG, PNG, WebP or AVIF picture (the first one of an animation), turned upright as its EXIF orientation
 * says. The numbers are those of the file, as diffusers takes them: colour profiles are not applied, except that
 * CMYK and grey become RGB. What is transparent is laid over white, where diffusers would show the colours that
 * the file hides there.
 *
 * @throws MediaError when the file is missing, broken, of another kind or has more than 2^26 pixels
 */
export async function readPicture(path: string): Promise<Picture> {
  const kind = await fileKind(path)
  if (kind === 'folder' || kind === 'movie') {
    const got = kind === 'folder' ? 'a folder' : 'a video'
    throw new MediaError('media/input', { subject: path, expected: 'a JPEG, PNG, WebP or AVIF picture', got })
  }
  return decodePicture(path)
}

/** Decodes one picture, or `pages` of an animation from number `page` as one tall picture. */
export async function decodePicture(path: string, page = 0, pages = 1): Promise<Picture> {
  const { default: sharp } = await import('sharp')
  try {
    const image = sharp(path, { page, pages, limitInputPixels: mostPixels, ignoreIcc: true })
    const { data, info } = await image
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return {
      width: info.width,
      height: info.height,
      data: info.channels === 3 ? data : greyToRgb(data, info.channels),
    }
  } catch (error) {
    throw pictureError(path, error)
  }
}

export function pictureError(path: string, error: unknown): MediaError {
  const reason = libraryReason(error)
  const tooLarge = reason.includes('pixel limit')
  const expected = tooLarge ? `at most ${mostPixels} pixels` : 'a picture that can be decoded'
  const got = tooLarge ? 'more' : `a broken one (${reason})`
  const advice = tooLarge ? 'Make it smaller first.' : 'It may be cut off; copy or save it again.'
  return new MediaError('media/input', { subject: path, expected, got, advice }, { cause: error })
}

function greyToRgb(data: Uint8Array, channels: number): Uint8Array {
  const rgb = new Uint8Array((data.length / channels) * 3)
  for (let pixel = 0; pixel < rgb.length / 3; pixel++)
    rgb.fill(data[pixel * channels]!, pixel * 3, pixel * 3 + 3)
  return rgb
}
