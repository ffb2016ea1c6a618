import { cpSync, existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { builtIn, prompt, framewright as run } from './run-cli.ts'

const folder = scratchFolder()
const framewright = (...words: string[]) => run(folder, words)

describe('framewright generate', () => {
  test('makes a video that remembers its command', async () => {
    const made = await framewright(
      'generate',
      prompt,
      '--seed',
      '1',
      '--steps',
      '2',
      '-o',
      'ball.mp4',
      '--quiet',
    )
    expect(made).toMatchObject({ code: 0 })
    expect(made.stdout.trim()).toMatch(/ball\.mp4$/)
    const shown = await framewright('show', 'ball.mp4')
    expect(shown.stdout).toContain('--seed 1')
    expect(shown.stdout).toContain(`'${prompt}'`)
  })

  test('shows a red object that goes right on white', async () => {
    const made = await framewright('generate', prompt, '--seed', '1', '-o', 'frames/')
    expect(made).toMatchObject({ code: 0 })
    const files = readdirSync(path.join(folder, 'frames')).filter(name => name.endsWith('.png'))
    expect(files).toHaveLength(17)
    const first = await redObject(path.join(folder, 'frames', files[1]!))
    const last = await redObject(path.join(folder, 'frames', files.at(-1)!))
    expect(first.pixels).toBeGreaterThan(40)
    expect(last.x - first.x).toBeGreaterThan(16)
    expect(last.corner).toBeGreaterThan(200)
  })

  test('prints its events as lines of JSON', async () => {
    const made = await framewright('generate', prompt, '--steps', '2', '-o', 'events.gif', '--json')
    const types = made.stdout
      .trim()
      .split('\n')
      .map(line => (JSON.parse(line) as { type: string }).type)
      .filter(type => type !== 'notice')
    expect(types.slice(0, 4)).toEqual(['start', 'conditioning-ready', 'step-end', 'step-end'])
    expect(types.at(-1)).toBe('video-written')
  })

  test.each([
    [['--frames', '80'], 'frames: expected 4k + 1 for this model, got 80. Use 77 or 81.'],
    [['--size', '50x64'], 'width: expected a multiple of 16'],
    [['--steps', '12abc'], '--steps: expected a whole number, got "12abc".'],
    [['--model', './nowhere'], 'model ./nowhere: expected a folder in the diffusers layout'],
    [
      ['--image', 'missing.png'],
      'missing.png: expected a picture or video, got nothing at that path. Check the path, which begins at ',
    ],
  ])('refuses %j with one message and writes nothing', async (flags, message) => {
    const ended = await framewright('generate', prompt, '-o', 'refused.mp4', ...flags)
    expect(ended.code).toBeGreaterThan(0)
    expect(ended.stderr).toContain(message)
    expect(ended.stderr).not.toMatch(/\n\s+at /)
    expect(existsSync(path.join(folder, 'refused.mp4'))).toBe(false)
  })

  test('names the file of weights that was cut off', async () => {
    const model = path.join(folder, 'cut')
    cpSync(builtIn, model, { recursive: true })
    truncateSync(path.join(model, 'vae/diffusion_pytorch_model.safetensors'), 100_000)
    const ended = await framewright('generate', prompt, '-m', model, '-o', 'cut.mp4', '--steps', '1')
    expect(ended.code).toBeGreaterThan(0)
    expect(ended.stderr).toContain('vae/diffusion_pytorch_model.safetensors')
    expect(existsSync(path.join(folder, 'cut.mp4'))).toBe(false)
  })

  test('an exported model makes the same latents, bit for bit', async () => {
    const exported = await framewright('export', builtIn, '-o', 'exported')
    expect(exported).toMatchObject({ code: 0 })
    const request = ['generate', prompt, '--seed', '5', '--steps', '2', '--quiet']
    await framewright(...request, '-o', 'a.gif', '--save-latents', 'a.safetensors')
    const again = await framewright(
      ...request,
      '-m',
      'exported',
      '-o',
      'b.gif',
      '--save-latents',
      'b.safetensors',
    )
    expect(again).toMatchObject({ code: 0 })
    const [a, b] = ['a', 'b'].map(name => readFileSync(path.join(folder, `${name}.safetensors`)))
    expect(a!.subarray(-4096).equals(b!.subarray(-4096))).toBe(true)
  })
})

/** How many pixels are red, where they are on average, and how bright the top left corner is. */
async function redObject(file: string): Promise<{ pixels: number; x: number; corner: number }> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  let [pixels, sum] = [0, 0]
  for (let i = 0; i < data.length; i += 3) {
    if (data[i]! < 120 || data[i + 1]! > 110 || data[i + 2]! > 130) continue
    pixels++
    sum += (i / 3) % info.width
  }
  return { pixels, x: sum / pixels, corner: data[0]! }
}
