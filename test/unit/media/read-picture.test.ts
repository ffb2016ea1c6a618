import { readFile, writeFile } from 'node:fs/promises'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { readPicture } from '../../../src/media/read-picture.ts'
import { largestDifference } from '../../compare.ts'
import { discFrames, temporaryFolder } from './clip-samples.ts'

const folder = temporaryFolder()
const width = 24
const height = 16
const rgb = discFrames(1, width, height)
const picture = () => sharp(rgb, { raw: { width, height, channels: 3 } })

/** Greys that get lighter to the right: the same numbers in RGB and in grey. */
const greys = Uint8Array.from({ length: rgb.length }, (_, at) => 40 + (Math.floor(at / 3) % width) * 6)
const ramp = () => sharp(greys, { raw: { width, height, channels: 3 } })

/** Red at the top left, green at the top right, blue at the bottom left: tells every way to turn a picture. */
const corners = Uint8Array.from({ length: 32 * 16 * 3 }, (_, at) => {
  const [x, y] = [Math.floor(at / 3) % 32, Math.floor(at / 96)]
  const colour = y < 8 ? (x < 16 ? 0 : 1) : x < 16 ? 2 : -1
  return at % 3 === colour ? 255 : 0
})

/** A segment of a JPEG file that holds one EXIF entry: orientation 3, upside down. */
const halfTurn = Buffer.from(
  'ffe10022457869660000' + '4d4d002a00000008' + '0001' + '011200030000000100030000' + '00000000',
  'hex',
)

interface CmykFixture {
  readonly width: number
  readonly height: number
  /** The file, and the pixels that Pillow reads from it, in base64. */
  readonly jpeg: string
  readonly rgb: string
}

describe('reading a picture', () => {
  it.each([
    ['picture.png', 0],
    ['picture.jpg', 12],
    ['picture.webp', 12],
    ['picture.avif', 12],
  ] as const)('gives the pixels of %s', async (name, tolerance) => {
    const path = folder.path + name
    if (name.endsWith('png')) await picture().png().toFile(path)
    if (name.endsWith('jpg')) await picture().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toFile(path)
    if (name.endsWith('webp')) await picture().webp({ nearLossless: true, quality: 100 }).toFile(path)
    if (name.endsWith('avif')) await picture().avif({ quality: 100, chromaSubsampling: '4:4:4' }).toFile(path)
    const read = await readPicture(path)
    expect([read.width, read.height]).toEqual([width, height])
    expect(largestDifference(read.data, rgb)).toBeLessThanOrEqual(tolerance)
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('turns one of EXIF orientation %d upright', async orientation => {
    const path = `${folder.path}orientation-${orientation}.jpg`
    const options = { raw: { width: 32, height: 16, channels: 3 as const } }
    await sharp(corners, options).withMetadata({ orientation }).jpeg({ quality: 100 }).toFile(path)
    const read = await readPicture(path)
    const colourAt = (x: number, y: number) => {
      const at = (y * read.width + x) * 3
      return (
        ['red', 'green', 'blue'][read.data.subarray(at, at + 3).findIndex(level => level > 128)] ?? 'black'
      )
    }
    const [right, bottom] = [read.width - 3, read.height - 3]
    // EXIF 2.3, table 6: where row 0 and column 0 of the stored picture belong.
    const upright = {
      1: ['red', 'green', 'blue', 'black'],
      2: ['green', 'red', 'black', 'blue'],
      3: ['black', 'blue', 'green', 'red'],
      4: ['blue', 'black', 'red', 'green'],
      5: ['red', 'blue', 'green', 'black'],
      6: ['blue', 'red', 'black', 'green'],
      7: ['black', 'green', 'blue', 'red'],
      8: ['green', 'black', 'red', 'blue'],
    }[orientation]
    expect([colourAt(2, 2), colourAt(right, 2), colourAt(2, bottom), colourAt(right, bottom)]).toEqual(
      upright,
    )
    expect([read.width, read.height]).toEqual(orientation > 4 ? [16, 32] : [32, 16])
  })

  it('lays what is transparent over white', async () => {
    const path = `${folder.path}transparent.png`
    const pixels = Uint8Array.of(255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 128)
    await sharp(pixels, { raw: { width: 3, height: 1, channels: 4 } })
      .png()
      .toFile(path)
    expect(Array.from((await readPicture(path)).data)).toEqual([255, 0, 0, 255, 255, 255, 127, 127, 127])
  })

  it.each([
    ['grey', () => ramp().greyscale().png(), 1],
    ['grey with transparency', () => ramp().greyscale().ensureAlpha(1).png(), 1],
    ['16 bits', () => ramp().toColourspace('rgb16').png(), 1],
    ['16 bits of grey', () => ramp().greyscale().toColourspace('grey16').png(), 1],
    ['a palette', () => ramp().png({ palette: true }), 1],
  ])('makes 8-bit RGB of %s', async (name, make, tolerance) => {
    const path = `${folder.path}${name}.bin`
    await make().toFile(path)
    const read = await readPicture(path)
    expect([read.width, read.height]).toEqual([width, height])
    expect(largestDifference(read.data, greys)).toBeLessThanOrEqual(tolerance)
  })

  it('makes of CMYK what Pillow does, to one level, and turns it upright', async () => {
    const cmyk = JSON.parse(await readFile('test/fixtures/media/cmyk.json', 'utf8')) as CmykFixture
    const [jpeg, expected] = [Buffer.from(cmyk.jpeg, 'base64'), Buffer.from(cmyk.rgb, 'base64')]
    await writeFile(`${folder.path}cmyk.jpg`, jpeg)
    const read = await readPicture(`${folder.path}cmyk.jpg`)
    expect([read.width, read.height]).toEqual([cmyk.width, cmyk.height])
    expect(largestDifference(read.data, expected)).toBeLessThanOrEqual(1)

    await writeFile(
      `${folder.path}cmyk-turned.jpg`,
      Buffer.concat([jpeg.subarray(0, 2), halfTurn, jpeg.subarray(2)]),
    )
    const turned = await readPicture(`${folder.path}cmyk-turned.jpg`)
    const pixels = expected.length / 3
    const upright = expected.map((_, at) => expected[(pixels - 1 - Math.floor(at / 3)) * 3 + (at % 3)]!)
    expect(largestDifference(turned.data, upright)).toBeLessThanOrEqual(1)
  })

  it('brings the colours of a Display P3 picture to sRGB', async () => {
    // Pillow 12.3 wrote the file with the profile, and converted it with ImageCms (LittleCMS) to its sRGB profile.
    const { data, width } = await readPicture('test/fixtures/media/display-p3.png')
    const [red, yellow, blue, skin] = [0, 6, 7, 11].map(x => Array.from(data.subarray(x * 3, x * 3 + 3)))
    expect(width).toBe(12)
    expect([red, yellow, blue, skin]).toEqual([
      [255, 0, 0],
      [255, 198, 0],
      [0, 147, 205],
      [232, 146, 114],
    ])
  })

  it.each(['png', 'avif'])(
    'brings the colours of a %s that is marked Display P3, without a profile, to sRGB',
    async type => {
      // The numbers of the picture above: LittleCMS says what they are in sRGB.
      const source = sharp(await readFile('test/fixtures/media/display-p3.png'), { ignoreIcc: true })
      const pixels = await source.removeAlpha().raw().toBuffer({ resolveWithObject: true })
      const raw = { width: pixels.info.width, height: pixels.info.height, channels: 3 as const }
      const still = sharp(pixels.data, { raw }).resize({ width: 16 * raw.width, kernel: 'nearest' })
      const path = `${folder.path}marked.${type}`
      await writeFile(
        path,
        type === 'png'
          ? withCicp(await still.png().toBuffer(), 12, 13)
          : withNclx(await still.avif({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer(), 12, 13),
      )
      const { data, unreadColours } = await readPicture(path)
      const marked = [0, 6, 7, 11].map(x => Array.from(data.subarray((16 * x + 8) * 3, (16 * x + 9) * 3)))
      const right = Uint8Array.from([255, 0, 0, 255, 198, 0, 0, 147, 205, 232, 146, 114])
      expect(largestDifference(Uint8Array.from(marked.flat()), right)).toBeLessThanOrEqual(
        type === 'png' ? 1 : 6,
      )
      expect(unreadColours).toBeUndefined()
    },
  )

  it('brings BT.2020 to sRGB, leaves BT.709 as it is, and names what it cannot bring', async () => {
    const png = await sharp(Uint8Array.of(180, 90, 60), { raw: { width: 1, height: 1, channels: 3 } })
      .png()
      .toBuffer()
    const read = async (primaries: number, transfer: number) => {
      const path = `${folder.path}${primaries}-${transfer}.png`
      await writeFile(path, withCicp(png, primaries, transfer))
      const { data, unreadColours } = await readPicture(path)
      return [...data, unreadColours]
    }
    // By the matrix of CSS Color 4: linear (0.456, 0.102, 0.045) becomes (0.6945, 0.0586, 0.0320), levels 217.1, 68.5, 50.1.
    expect(await read(9, 13)).toEqual([217, 68, 50, undefined])
    expect(await read(1, 1)).toEqual([180, 90, 60, undefined])
    expect(await read(9, 16)).toEqual([180, 90, 60, 'the transfer function PQ'])
    expect(await read(9, 18)).toEqual([180, 90, 60, 'the transfer function HLG'])
    expect(await read(11, 13)).toEqual([180, 90, 60, 'the primaries 11'])
  })

  it('leaves the numbers of a picture in sRGB as they are, and of one whose profile is broken', async () => {
    await picture().withIccProfile('srgb').png().toFile(`${folder.path}srgb.png`)
    expect(largestDifference((await readPicture(`${folder.path}srgb.png`)).data, rgb)).toBe(0)
    const broken = await readFile(`${folder.path}srgb.png`)
    broken.write('tcarT', broken.indexOf('iCCP') + 30, 'latin1') // The check sum of the chunk is wrong too.
    await writeFile(`${folder.path}broken-profile.png`, broken)
    expect(largestDifference((await readPicture(`${folder.path}broken-profile.png`)).data, rgb)).toBe(0)
  })

  it('brings CMYK to sRGB by its profile, as LittleCMS does', async () => {
    const path = `${folder.path}cmyk-profile.jpg`
    await ramp().withIccProfile('cmyk').jpeg({ quality: 100 }).toFile(path)
    // Pillow 12.3 (LittleCMS 2.19): ImageCms.profileToProfile of the file, with the profile it embeds, to sRGB, perceptual.
    // The profile is of a printer whose black is not neutral: the numbers are not those of the ramp.
    const expected = Uint8Array.from(
      [
        [41, 41, 30, 44, 44, 34, 50, 50, 42, 55, 55, 48, 59, 60, 54, 64, 64, 59, 69, 70, 66, 75, 76, 72],
        [80, 81, 78, 85, 86, 83, 90, 91, 89, 96, 97, 95, 100, 101, 100, 106, 106, 105, 111, 111, 110, 117],
        [116, 115, 123, 122, 121, 130, 129, 127, 136, 135, 134, 142, 142, 141, 150, 150, 149, 158, 157, 156],
        [164, 163, 162, 171, 170, 169],
      ].flat(),
    )
    const { data } = await readPicture(path)
    for (let row = 0; row < height; row++)
      expect(
        largestDifference(data.subarray(row * width * 3, (row + 1) * width * 3), expected),
      ).toBeLessThanOrEqual(1)
  })

  it.each(['png', 'jpg', 'webp', 'gif', 'avif'])(
    'reads a file again that was replaced: %s',
    async extension => {
      const path = `${folder.path}replaced.${extension}`
      for (const background of ['#fff', '#000']) {
        await sharp({ create: { width: 16, height: 16, channels: 3, background } }).toFile(path)
        const { data } = await readPicture(path)
        expect(Math.abs(data[0]! - (background === '#fff' ? 255 : 0))).toBeLessThan(4)
      }
    },
  )

  it('takes the first picture of an animation', async () => {
    const frames = Uint8Array.from([...new Uint8Array(48).fill(255), ...new Uint8Array(48)])
    const path = `${folder.path}animated.gif`
    await sharp(frames, { raw: { width: 4, height: 8, channels: 3, pageHeight: 4 } })
      .gif()
      .toFile(path)
    expect(await readPicture(path)).toMatchObject({ width: 4, height: 4, data: Buffer.alloc(48, 255) })
  })

  it('says that a PNG is animated, of which it takes the first picture', async () => {
    const still = await sharp({ create: { width: 4, height: 4, channels: 3, background: '#fff' } })
      .png()
      .toBuffer()
    const control = Buffer.alloc(20) // length, acTL, frames, plays, CRC
    control.writeUInt32BE(8)
    control.write('acTL', 4, 'latin1')
    control.writeUInt32BE(2, 8)
    control.writeUInt32BE(crc32(control.subarray(4, 16)), 16)
    const header = 8 + 25
    const path = `${folder.path}animated.png`
    await writeFile(path, Buffer.concat([still.subarray(0, header), control, still.subarray(header)]))
    expect(await readPicture(path)).toMatchObject({ width: 4, data: Buffer.alloc(48, 255), isFirst: true })
    await writeFile(path, still)
    expect(await readPicture(path)).not.toHaveProperty('isFirst')
  })

  it('refuses a file that would unpack to gigabytes, without unpacking it', async () => {
    const path = `${folder.path}bomb.png`
    await writeFile(path, pngBomb(60_000))
    const before = process.memoryUsage.rss()
    await expect(readPicture(path)).rejects.toMatchObject({
      code: 'media/input',
      message: expect.stringContaining('expected at most 67108864 pixels, got more. Make it smaller first.'),
    })
    expect(process.memoryUsage.rss() - before).toBeLessThan(50e6)
  })

  it.each(['jpg', 'png', 'webp'])('reports one that was cut off: %s', async extension => {
    const path = `${folder.path}cut.${extension}`
    await picture().toFile(path)
    const whole = await readFile(path)
    await writeFile(path, whole.subarray(0, whole.length * 0.6))
    await expect(readPicture(path)).rejects.toThrow(
      /expected a picture that can be decoded, got a broken one \(.*\)/,
    )
  })

  it.each([
    ['zero.png', '', 'got an empty file. Copy or save it again.'],
    [
      'drawing.svg',
      '<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
      'got something else. Save it as one of these.',
    ],
    ['phone.jpg', '\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'got a HEIC picture. Save it as JPEG or PNG.'],
    ['burst.heic', '\0\0\0\x1cftypmif1\0\0\0\0mif1miafhevc', 'got a HEIC picture. Save it as JPEG or PNG.'],
    ['scan.tif', 'II*\0\x08\0\0\0', 'got a TIFF or raw picture. Save it as JPEG or PNG.'],
    ['movie.png', '\0\0\0\x18ftypisom', 'expected a JPEG, PNG, WebP or AVIF picture, got a video.'],
  ])('refuses %s', async (name, content, message) => {
    await writeFile(folder.path + name, content, 'latin1')
    await expect(readPicture(folder.path + name)).rejects.toThrow(message)
  })

  it('refuses a folder and a path with nothing', async () => {
    await expect(readPicture(folder.path)).rejects.toThrow('got a folder.')
    await expect(readPicture(`${folder.path}nothing.png`)).rejects.toThrow(
      'got nothing at that path. Check the path.',
    )
  })
})

/** A PNG with a chunk `cICP` after its header. */
function withCicp(png: Buffer, primaries: number, transfer: number): Buffer {
  const body = Buffer.from([...Buffer.from('cICP'), primaries, transfer, 0, 1])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(4, 0)
  ends.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([png.subarray(0, 33), ends.subarray(0, 4), body, ends.subarray(4), png.subarray(33)])
}

/** An AVIF of one picture with a property `colr` of type `nclx` added. */
function withNclx(avif: Buffer, primaries: number, transfer: number): Buffer {
  const at = (type: string) => avif.indexOf(type, 0, 'latin1')
  const colour = Buffer.alloc(19)
  colour.writeUInt32BE(colour.length, 0)
  colour.write('colrnclx', 4, 'latin1')
  for (const [index, code] of [primaries, transfer, 6].entries()) colour.writeUInt16BE(code, 12 + 2 * index)
  colour[18] = 0x80 // Full range.
  const properties = at('ipco') - 4
  const end = properties + avif.readUInt32BE(properties)
  // ipma: version and flags, entries, the picture's id, how many properties it has, their numbers.
  const count = at('ipma') + 4 + 4 + 4 + 2
  const last = count + 1 + avif[count]!
  const grown = (type: string, by: number) =>
    avif.writeUInt32BE(avif.readUInt32BE(at(type) - 4) + by, at(type) - 4)
  grown('ipco', colour.length)
  grown('ipma', 1)
  for (const type of ['meta', 'iprp']) grown(type, colour.length + 1)
  // iloc: version and flags, sizes of fields, items, id, data reference, then where the picture's data begins.
  const offset = at('iloc') + 4 + 4 + 2 + 2 + 2 + 2
  avif.writeUInt32BE(avif.readUInt32BE(offset) + colour.length + 1, offset)
  avif[count]! += 1
  const number = Buffer.of(avif[count]!)
  return Buffer.concat([avif.subarray(0, end), colour, avif.subarray(end, last), number, avif.subarray(last)])
}

/** A valid PNG whose header says side x side pixels and whose data begins as such. */
function pngBomb(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const ends = Buffer.alloc(8)
    ends.writeUInt32BE(data.length, 0)
    ends.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
  }
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0])
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(10_000_000))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
