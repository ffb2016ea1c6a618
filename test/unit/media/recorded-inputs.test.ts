/** What diffusers gave its VAE and CLIP encoders in the recorded runs, made again from the files it was given. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  clipPixelValues,
  letterbox,
  nearestExactFrames,
  toMask,
  toUnitRange,
} from '../../../src/media/fit.ts'
import { type Picture, readPicture } from '../../../src/media/read-picture.ts'
import { resample, type Size } from '../../../src/media/resample.ts'
import { relativeError } from '../../compare.ts'
import { fixture, hasFixture } from '../../fixtures.ts'
import { float32Of, readFixtureTensors } from '../../safetensors-fixture.ts'
import { digest } from './drawn-picture.ts'

interface RecordedCase {
  readonly call: Size
  readonly inputs: {
    readonly image?: string
    readonly last_image?: string
    readonly video: readonly string[]
    readonly mask: readonly string[]
    readonly reference_images: readonly string[]
    readonly conditions: readonly { readonly image: string }[]
  }
}

describe('pictures resized for the VAE', () => {
  const cases: [folder: string, number: number][] = [
    ['wan21-i2v', 1],
    ['wan21-i2v', 2],
    ['wan21-i2v', 3],
    ['wan21-flf2v', 1],
    ['wan21-flf2v', 2],
    ['wan22-i2v-a14b', 1],
    ['wan22-i2v-a14b', 2],
    ['wan22-ti2v-5b', 2],
    ['wan21-v2v', 1],
    ['wan21-v2v', 2],
  ]
  test.each(cases.filter(atHand))('are equal to those of %s, case %i', async (folder, number) => {
    const { call, files, recorded } = readCase(folder, number)
    const input = recorded.get('vae_encode_0.input')!
    const shown = await Promise.all(files.map(file => readPicture(fixture(file))))
    const expected = framesOf(input.data as Float32Array, input.shape[2]!)
    const given = expected.filter(frame => frame.some(value => value !== 0)) // The others are grey: no picture.
    expect(shown.map(picture => toUnitRange(resample(picture, call, 'lanczos')))).toEqual(given)
  })

  test.each([1, 2].filter(number => atHand(['ltx-condition', number])))(
    'are equal to the conditions of ltx-condition, case %i',
    async number => {
      const { about, call, recorded } = readCase('ltx-condition', number)
      const files = about.inputs.conditions.map(({ image }) => fixture(`ltx-condition/${image}`))
      const shown = await Promise.all(files.map(file => readPicture(file)))
      const expected = files.map((_, index) => float32Of(recorded, `vae_encode_${index}.input`))
      expect(shown.map(picture => toUnitRange(resample(picture, call, 'lanczos')))).toEqual(expected)
    },
  )

  // Digests of the recorded tensors.
  test.each([
    ['wan21-i2v/inputs/case-2-image.png', 32, 48, '1d826bbffb3cfc46'],
    ['wan21-flf2v/inputs/case-2-image.png', 32, 32, '6245029891b91def'],
    ['wan21-flf2v/inputs/case-2-last_image.png', 32, 32, '22d868e09d9e9791'],
    ['wan21-v2v/inputs/case-2-video-04.png', 32, 32, '772cf817632cc97a'],
  ])('are to the bit those recorded for %s', async (file, width, height, recorded) => {
    const picture = await readPicture(fixture(file))
    expect(digest(toUnitRange(resample(picture, { width, height }, 'lanczos')))).toBe(recorded)
  })
})

describe.runIf(atHand(['wan21-vace', 1]))('control videos and references', () => {
  test.each([1, 4])('are masked as those of wan21-vace, case %i', async number => {
    const { about, call, recorded } = readCase('wan21-vace', number)
    const video = (await read(about.inputs.video)).map(each => toUnitRange(resample(each, call, 'lanczos')))
    const masks = (await read(about.inputs.mask)).map(each => toMask(resample(each, call, 'lanczos')))
    const plane = call.width * call.height
    const keep = (white: boolean) =>
      video.map((frame, t) => frame.map((value, i) => (masks[t]![i % plane]! > 0.5 === white ? value : 0)))
    const inactive = framesOf(float32Of(recorded, 'vae_encode_0.input'), video.length)
    const reactive = framesOf(float32Of(recorded, 'vae_encode_1.input'), video.length)
    expect(worst(keep(false), inactive)).toBe(0)
    expect(worst(keep(true), reactive)).toBe(0)
  })

  test.each([1, 4])('have the mask channels of wan21-vace, case %i', async number => {
    const { about, call, recorded } = readCase('wan21-vace', number)
    const masks = (await read(about.inputs.mask)).map(each => toMask(resample(each, call, 'lanczos')))
    const control = recorded.get('control_hidden_states')!
    const [, , frames, height, width] = control.shape as [number, number, number, number, number]
    const references = about.inputs.reference_images?.length ?? 0
    const sources = nearestExactFrames(masks.length, frames - references)
    const expected = Array.from({ length: 64 * frames * height * width }, (_, index) => {
      const [x, y] = [index % width, Math.floor(index / width) % height]
      const frame = Math.floor(index / (width * height)) % frames
      const channel = Math.floor(index / (width * height * frames))
      if (frame < references) return 0
      const pixelY = y * 8 + Math.floor(channel / 8)
      return masks[sources[frame - references]!]![pixelY * call.width + x * 8 + (channel % 8)]
    })
    expect([...(control.data as Float32Array).subarray(32 * frames * height * width)]).toEqual(expected)
  })

  test.each([2, 4])('are laid on white as those of wan21-vace, case %i', async number => {
    const { about, call, recorded } = readCase('wan21-vace', number)
    const canvases = (await read(about.inputs.reference_images)).map(each => letterbox(each, call))
    const expected = canvases.map((_, index) => float32Of(recorded, `vae_encode_${2 + index}.input`))
    expect(canvases.length).toBeGreaterThan(0)
    expect(worst(canvases, expected)).toBeLessThan(1e-6)
  })
})

// Digests of what diffusers' `WanVACEPipeline.preprocess_conditions` makes of these for 48×32. Controls of another shape
// than the video it leaves at a size of their own, beside latents of the video's; here they are stretched to it.
describe('control videos and masks of another size', () => {
  test.each([
    [96, 64, '5a587e8d0d5a5b89', '932a25e0154d71dd'],
    [72, 48, 'b3cb450039c663e9', '3e30757174721674'],
    [144, 96, 'a78c45f4ffce5fc7', '205df2f674d55a10'],
  ])('of %d×%d are resized to the bit as diffusers does', (width, height, video, mask) => {
    const fitted = (of: Picture) => resample(of, { width: 48, height: 32 }, 'lanczos')
    const frames = [0, 1, 2, 3, 4].flatMap(shade => [...toUnitRange(fitted(patterned(width, height, shade)))])
    expect(digest(Float32Array.from(frames))).toBe(video)
    const masks = [9, 10, 11, 12, 13].flatMap(shade => {
      return [...toMask(fitted(greyed(patterned(width, height, shade))))]
    })
    expect(digest(Float32Array.from(masks))).toBe(mask)
  })

  function patterned(width: number, height: number, shade: number): Picture {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, index) => {
      const [x, y] = [Math.floor(index / 3) % width, Math.floor(index / (3 * width))]
      return x * 7 + y * 13 + shade * 31 + (index % 3) * 67 + ((x * y) % 29)
    })
    return { width, height, data }
  }

  /** As Pillow makes grey of colours. */
  function greyed({ width, height, data }: Picture): Picture {
    const grey = data.map((_, index) => {
      const [r, g, b] = data.subarray(index - (index % 3)) as unknown as [number, number, number]
      return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16
    })
    return { width, height, data: grey }
  }
})

describe('pictures for CLIP', () => {
  const cases: [string, number][] = [
    ['wan21-i2v', 1],
    ['wan21-i2v', 2],
    ['wan21-i2v', 3],
    ['wan21-flf2v', 1],
    ['wan21-flf2v', 2],
  ]
  test.each(cases.filter(atHand))('are equal to those of %s, case %i', async (folder, number) => {
    const { files, recorded } = readCase(folder, number)
    const config = JSON.parse(
      readFileSync(fixture(`${folder}/model/image_processor/preprocessor_config.json`), 'utf8'),
    )
    const made = await Promise.all(
      files.map(async file => [...clipPixelValues(await readPicture(fixture(file)), config).data]),
    )
    expect(made.flat()).toEqual([...float32Of(recorded, 'clip_pixel_values')])
  })

  // Digests of the recorded tensors.
  test.each([
    ['wan21-i2v/inputs/case-2-image.png', '9f60b03c808fe5b2'],
    ['wan21-flf2v/inputs/case-2-image.png', '59bbdcc1cb217584'],
    ['wan21-flf2v/inputs/case-2-last_image.png', 'd4ab5c4b3651a69c'],
  ])('are to the bit those recorded for %s', async (file, recorded) => {
    const config = fixture('wan21-i2v/model/image_processor/preprocessor_config.json')
    const picture = await readPicture(fixture(file))
    const { data, size } = clipPixelValues(picture, JSON.parse(readFileSync(config, 'utf8')))
    expect([size, digest(data)]).toEqual([42, recorded])
  })
})

function atHand([folder, number]: readonly [folder: string, number: number]): boolean {
  return hasFixture(`${folder}/case-${number}.safetensors`)
}

function readCase(folder: string, number: number) {
  const about: RecordedCase = JSON.parse(readFileSync(fixture(`${folder}/case-${number}.json`), 'utf8'))
  const { image, last_image, video } = about.inputs
  const files = [image, last_image, ...(video ?? [])].filter(file => file !== undefined)
  return {
    about,
    call: about.call,
    files: files.map(file => `${folder}/${file}`),
    recorded: readFixtureTensors(fixture(`${folder}/case-${number}.safetensors`)),
  }
}

function read(files: readonly string[]): Promise<Picture[]> {
  return Promise.all(files.map(file => readPicture(fixture(`wan21-vace/${file}`))))
}

/** [3, frames, …] as frames of [3, …]. */
function framesOf(clip: Float32Array, frames: number): Float32Array[] {
  const plane = clip.length / 3 / frames
  return Array.from({ length: frames }, (_, frame) => {
    const channels = [0, 1, 2].map(channel => {
      const start = (channel * frames + frame) * plane
      return [...clip.subarray(start, start + plane)]
    })
    return Float32Array.from(channels.flat())
  })
}

/** The largest relative error; 0 for two frames that are black. */
function worst(made: readonly Float32Array[], recorded: readonly Float32Array[]): number {
  const errors = made.map((frame, index) => {
    const expected = recorded[index]!
    return frame.every((value, i) => value === expected[i]) ? 0 : relativeError(frame, expected)
  })
  return Math.max(...errors)
}
