import { describe, expect, it } from 'vitest'
import { inFlags } from '../../../src/cli/flag-names.ts'
import { failureOf } from '../../../src/cli/report-error.ts'
import { noticeText } from '../../../src/cli/summary.ts'
import { RequestError } from '../../../src/errors.ts'

describe('messages about a request on the command line', () => {
  it.each([
    ['decodeTimestep: expected 0 to 1, got 2.', '--decode-timestep: expected 0 to 1, got 2.'],
    ['guidance: expected 0 to 100, got -3.', '--guidance: expected 0 to 100, got -3.'],
    ['frames: expected 4k + 1, got 80. Use 77 or 81.', '--frames: expected 4k + 1, got 80. Use 77 or 81.'],
    [
      'latents: expected no lastImage beside them, got both.',
      '--latents: expected no --last-image beside them, got both.',
    ],
    [
      'video clip.mp4: expected a video, or a folder of pictures, got a picture.',
      '--video clip.mp4: expected a video, or a folder of pictures, got a picture.',
    ],
    [
      'stage2Sigmas: expected a checkpoint that takes it, got one that takes promptSuffix, maxTextTokens.',
      '--stage-2-sigmas: expected a checkpoint that takes it, got one that takes --prompt-suffix, --max-text-tokens.',
    ],
    ['keyframes.0.strength: expected 0 to 1, got 2.', '--keyframe (0.strength): expected 0 to 1, got 2.'],
    ['upscale.factor: expected 1 to 16, got 0.', '--upscale: expected 1 to 16, got 0.'],
    [
      'request: expected a mode of this checkpoint, got a last frame (lastImage). It can do: a first frame (image), video to video (video with strength), a control video (video, mask).',
      'request: expected a mode of this checkpoint, got a last frame (--last-image). It can do: a first frame (--image), video to video (--video with --strength), a control video (--video, --mask).',
    ],
    ['guidance interval: expected two fractions.', '--guidance-interval: expected two fractions.'],
    [
      'size: expected WIDTHxHEIGHT in pixels, got "0x0".',
      '--size: expected WIDTHxHEIGHT in pixels, got "0x0".',
    ],
    ['threads: 2 are used, the cores of this machine.', '--threads: 2 are used, the cores of this machine.'],
  ])('%s', (message, expected) => {
    expect(inFlags(message)).toBe(expected)
  })

  it.each([
    'width: expected a multiple of 16 for this model, got 50. Use 48 or 64.',
    'prompt: only its first 512 tokens count for this model; the rest is cut off ("lastImage").',
    'request: expected fewer (16 frames) than of these (video and sound).',
    'video.mp4: expected 5 frames, as many as are to be made, got 1.',
    'image of the model/lastImage.png and guidance2.png',
  ])('%s stays: it names no flag, or a person’s own words', message => {
    expect(inFlags(message)).toBe(message)
  })

  it('are the errors that end it, and its notices', () => {
    const error = new RequestError('request/invalid', {
      subject: 'guidanceRescale',
      expected: '0 to 1',
      got: '2',
    })
    expect(failureOf(error, inFlags)).toMatchObject({
      exitCode: 2,
      message: '--guidance-rescale: expected 0 to 1, got 2.',
    })
    const notice = { type: 'notice', code: 'request/unused', message: 'apgEta: no effect.' } as const
    expect(noticeText(notice)).toBe('notice: --apg-eta: no effect.\n')
  })
})
