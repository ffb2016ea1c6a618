import { execFileSync } from 'node:child_process'
import { Command } from 'commander'
import { describe, expect, it, vi } from 'vitest'
import { commandOf, settingsWithoutFlag } from '../../../src/api/record-command.ts'
import { addGenerateFlags, type GenerateFlags, residencyChoices } from '../../../src/cli/generate-flags.ts'
import { planVideos } from '../../../src/cli/video-jobs.ts'
import type { GenerationRecord } from '../../../src/index.ts'
import { residencies } from '../../../src/pipeline/memory-plan.ts'

/** What `framewright generate` makes of its words. */
async function jobsOf(words: readonly string[]) {
  const command = addGenerateFlags(new Command('generate').argument('[prompt]'))
  command.exitOverride().parse(words, { from: 'user' })
  return await planVideos(command.args[0], command.opts<GenerateFlags>())
}

/** The words that a POSIX shell makes of a command. */
function wordsOf(command: string): string[] {
  const script = 'eval "set -- $1"; printf "%s\\0" "$@"'
  return execFileSync('sh', ['-c', script, 'sh', command], { encoding: 'utf8' }).split('\0').slice(0, -1)
}

const everything: GenerationRecord = {
  prompt: `-a "cat's" $HOME \`x\`\n二行 *`,
  negativePrompt: '--blurry',
  model: 'my models/it’s one',
  seed: '18446744073709551615',
  steps: 12,
  guidance: 4.5,
  guidance2: 1,
  width: 832,
  height: 480,
  frames: 17,
  fps: 23.976,
  sampler: 'dpm++2m',
  shift: 3,
  maxTextTokens: 64,
  image: 'first; rm.png',
  lastImage: '-last.png',
  keyframes: [
    { frame: 0, path: 'a.png' },
    { frame: 8, path: 'b:0.5', strength: 1 },
    { frame: 16, path: 'c:d.png', strength: 0.25 },
    { frame: -1, path: 'e.png', strength: 1 },
  ],
  video: 'in/',
  strength: 0.75,
  extend: 'clip of.mp4',
  window: 33,
  overlap: 5,
  mask: 'mask.mp4',
  references: ['one.png', 'two three.png'],
  controlScale: [1, 0.5],
  fit: 'crop',
  imageNoiseScale: 0.1,
  guidanceInterval: [0, 0.8],
  guidanceRescale: 0.7,
  guidanceMethod: 'apg',
  zeroInitSteps: 2,
  apgEta: 0.2,
  apgNormThreshold: 27,
  apgMomentum: -0.5,
  stepCache: 0.05,
  decodeTimestep: 0.05,
  decodeNoiseScale: 0.025,
  decodeSeed: '7',
  upsampler: 'an upsampler',
  audio: 'drums & bass.wav',
  version: '0.1.0',
}

describe('the flags of generate', () => {
  it('name the residencies that there are', () => {
    expect(residencyChoices).toEqual(['auto', ...residencies])
  })

  it('can say everything that a record holds, so that the command of a video makes it again', async () => {
    expect(settingsWithoutFlag(everything)).toEqual([])
    const [program, command, ...words] = wordsOf(commandOf(everything))
    expect([program, command]).toEqual(['framewright', 'generate'])
    const [job] = await jobsOf(words)
    const request = job!.request as unknown as Record<string, unknown>
    const { model, version, seed, decodeSeed, ...settings } = everything
    expect(request).toEqual({ ...settings, keyframes: expect.anything(), seed: BigInt(seed), decodeSeed: 7n })
    const strengths = (request.keyframes as { strength?: number }[]).map(({ strength = 1 }) => strength)
    expect(strengths).toEqual([1, 1, 0.25, 1])
    expect((request.keyframes as { path: string }[]).map(({ path }) => path)).toEqual([
      'a.png',
      'b:0.5',
      'c:d.png',
      'e.png',
    ])
  })

  it('take the number of threads from the environment, unless they say it', () => {
    const threadsOf = (...words: string[]) => {
      return addGenerateFlags(new Command('generate')).parse(words, { from: 'user' }).opts<GenerateFlags>()
        .threads
    }
    vi.stubEnv('FRAMEWRIGHT_THREADS', '3')
    expect([threadsOf(), threadsOf('--threads', '5')]).toEqual([3, 5])
    vi.stubEnv('FRAMEWRIGHT_THREADS', 'many')
    expect(() => threadsOf()).toThrow(
      '--threads, or FRAMEWRIGHT_THREADS: expected a whole number from 1 to 1024',
    )
    vi.stubEnv('FRAMEWRIGHT_THREADS', undefined)
    expect(threadsOf()).toBeUndefined()
    vi.unstubAllEnvs()
  })

  it('add a suffix to every prompt', async () => {
    const [job] = await jobsOf(['a ball', '--prompt-suffix', 'in ink'])
    expect(job!.request).toMatchObject({ prompt: 'a ball', promptSuffix: 'in ink' })
  })

  it('make a video of every seed of every prompt, with names that tell them apart', async () => {
    const jobs = await jobsOf([
      'a ball',
      '--count',
      '3',
      '--seed',
      '9',
      '-o',
      'x.gif',
      '--save-latents',
      'x.safetensors',
    ])
    expect(jobs.map(({ index, request, output, latents }) => [index, request.seed, output, latents])).toEqual(
      [
        [1, 9n, 'x-1.gif', 'x-1.safetensors'],
        [2, 10n, 'x-2.gif', 'x-2.safetensors'],
        [3, 11n, 'x-3.gif', 'x-3.safetensors'],
      ],
    )
    const [first, second] = await jobsOf(['a ball', '--count', '2'])
    expect(second!.request.seed - first!.request.seed).toBe(1n)
  })

  it.each([
    [[], 'prompt: expected a text in quotes, got none.'],
    [[''], 'prompt: expected a text in quotes, got an empty one.'],
    [[' \n'], 'prompt: expected a text in quotes, got an empty one.'],
    [['a', '--prompts', 'b.txt'], '--prompts: expected no prompt beside it, got "a".'],
    [['--prompts', 'nowhere.txt'], '--prompts: expected a text file, got nothing at nowhere.txt.'],
    [['--prompts', '/dev/null'], '--prompts: expected a prompt on every line, got none in /dev/null.'],
    [['a', '--frames', '5', '--seconds', '1'], '--seconds: expected no --frames beside it, got --frames 5.'],
    [
      ['a', '--count', '2', '--seed', '18446744073709551615'],
      '--seed: expected room for 2 consecutive seeds',
    ],
    [
      ['a', '--seed', '18446744073709551616'],
      '--seed: expected a whole number from 0 to 18446744073709551615',
    ],
    [['a', '--seed=-1'], '--seed: expected a whole number from 0 to'],
    [['a', '--count', '0'], '--count: expected a whole number from 1 to 10000, got "0".'],
    [['a', '--lanes', '1.5'], '--lanes: expected a whole number from 1 to 1024, got "1.5".'],
    [['a', '--steps', '12abc'], '--steps: expected a whole number, got "12abc".'],
    [['a', '--steps', ''], '--steps: expected a whole number, got "".'],
    [['a', '--guidance', '0x10'], '--guidance: expected a number, got "0x10".'],
    [['a', '--guidance', 'NaN'], '--guidance: expected a number, got "NaN".'],
    [
      ['a', '--guidance-interval', '0.5'],
      '--guidance-interval: expected two numbers, such as 0,0.8, got "0.5".',
    ],
    [['a', '--control-scale', '1,'], '--control-scale: expected a number, got "".'],
    [['a', '--sampler', 'ddim'], '--sampler: expected one of unipc, euler, dpm++2m, lcm, got "ddim".'],
    [['a', '--size', '64'], 'size: expected WIDTHxHEIGHT in pixels, got "64".'],
    [['a', '--keyframe', '3'], '--keyframe: expected FRAME:FILE or FRAME:FILE:STRENGTH, got "3".'],
    [['a', '--upscale', '2:box'], '--upscale: expected a whole number, with :nearest or :lanczos after it'],
    [
      ['a', '--save-latents', 'x.bin'],
      '--save-latents: expected a name that ends in .safetensors, got "x.bin".',
    ],
  ])('refuse %j', async (words, message) => {
    await expect(jobsOf(words)).rejects.toThrow(message)
  })

  it.each([['--image'], ['--video'], ['--extend'], ['--reference']])(
    'ask for no prompt beside %s',
    async flag => {
      expect((await jobsOf(['', flag, 'a.png']))[0]!.request.prompt).toBe('')
    },
  )
})

it('shows what the network was asked to compute in', () => {
  expect(commandOf({ ...everything, precision: 'fp8' })).toContain(' --precision fp8 ')
})

it('shows adapters by expert, from records with one list and from older ones with two', () => {
  const [first, second] = [{ path: 'a.safetensors' }, { path: 'b.safetensors', scale: 0.5 }]
  for (const adapters of [
    { adapters: [first, { ...second, expert: 1 }] },
    { adapters: [first], adapters2: [second] },
  ]) {
    expect(commandOf({ ...everything, adapters2: undefined, ...adapters } as never)).toContain(
      '--lora a.safetensors --lora-2 b.safetensors:0.5',
    )
  }
})

it.each([
  [['--no-audio'], { audio: false }],
  [['--audio', 'drums.wav'], { audio: 'drums.wav' }],
  [[], {}],
] as const)('%j says what sound a video has, and its command says it again', async (words, expected) => {
  const [job] = await jobsOf(['a ball', ...words])
  const { audio } = job!.request
  expect({ ...(audio !== undefined && { audio }) }).toEqual(expected)
  const { audio: _, ...silent } = everything
  const written = wordsOf(commandOf({ ...silent, ...expected })).filter(word => /audio|drums/.test(word))
  expect(written).toEqual(words)
})
