import { readFile } from 'node:fs/promises'
import type { Sharp } from 'sharp'
import { MediaError } from '../errors.ts'
import { cmykToRgb } from './cmyk-to-rgb.ts'
import { bringToSrgb, codedColours, unreadColours } from './coded-colours.ts'
import { libraryReason } from './library-reason.ts'
import { loadSharp } from './load-sharp.ts'
import { pngFrames } from './png-chunks.ts'

/** The most pixels that are decoded of a picture: 8192 x 8192, 192 MiB as RGB. */
export const mostPixels = 2 ** 26

export interface Picture {
  readonly width: number
  readonly height: number
  /** RGB, [height, width, 3] */
  readonly data: Uint8Array
  /** Whether it is the first of several that the file holds, as those of an animation. */
  readonly isFirst?: true
  /** Colours that the file is marked with and that were not brought to sRGB: its numbers are as they are. */
  readonly unreadColours?: string
}

/** A picture, or an animation, as it is stored. */
export interface PictureFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/**
 * Reads a file whole. sharp is given bytes and never paths: it remembers what it decoded by the path, so a file that
 * was replaced would come out as it was before.
 */
export async function readPictureFile(path: string): Promise<PictureFile> {
  try {
    return { path, bytes: await readFile(path) }
  } catch (error) {
    const got = libraryReason(error)
    throw new MediaError(
      'media/input',
      { subject: path, expected: 'a file that can be read', got },
      { cause: error },
    )
  }
}

/**
 * Decodes one picture, or `pages` of an animation from number `page` as one tall picture. Colours are brought to sRGB
 * by the profile that the file embeds, or the code points that it is marked with; without either the numbers are those of
 * the file, and CMYK becomes RGB as Pillow converts it.
 */
export async function decodePicture(file: PictureFile, page = 0, pages = 1): Promise<Picture> {
  const sharp = loadSharp()
  try {
    const image = sharp(file.bytes, { page, pages, limitInputPixels: mostPixels })
    const { space, icc, pages: stored = 1 } = await image.metadata()
    const picture = space === 'cmyk' && !icc ? await decodeCmyk(image) : await decodeRgb(image)
    const colours = icc ? undefined : codedColours(file.bytes)
    if (colours) bringToSrgb(picture.data, colours)
    const unread = colours && unreadColours(colours)
    return {
      ...picture,
      // sharp takes an animated PNG for one picture.
      ...(page === 0 && pages === 1 && Math.max(stored, pngFrames(file.bytes)) > 1 && { isFirst: true }),
      ...(unread !== undefined && { unreadColours: unread }),
    }
  } catch (error) {
    throw pictureError(file.path, error)
  }
}

async function decodeRgb(image: Sharp): Promise<Picture> {
  const { data, info } = await image
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  return { width, height, data: channels === 3 ? data : greyToRgb(data, channels) }
}

/** In CMYK from end to end: on the way to RGB sharp would apply the profile of a printer that the file does not name. */
async function decodeCmyk(image: Sharp): Promise<Picture> {
  const { data, info } = await image
    .pipelineColourspace('cmyk')
    .autoOrient()
    .toColourspace('cmyk')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data: cmykToRgb(data) }
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
