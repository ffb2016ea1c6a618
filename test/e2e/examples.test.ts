/** Every program of examples/, compiled as its README says, and run. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { readVideo } from '../../src/media/read-video.ts'
import { scratchFolder } from '../scratch.ts'
import { root } from './run-cli.ts'

const run = promisify(execFile)
const folder = scratchFolder()
const compiled = path.join(root, 'out/examples')
const goldens = path.join(root, 'test/fixtures/goldens')

beforeAll(async () => {
  await run(path.join(root, 'node_modules/.bin/tsc'), ['-p', 'examples'], { cwd: root })
})

async function example(name: string, ...words: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [path.join(compiled, name), ...words], { cwd: folder })
  return stdout
}

async function framesOf(file: string): Promise<Uint8Array[]> {
  const { frames } = await readVideo(path.join(folder, file))
  const all: Uint8Array[] = []
  for await (const frame of frames) all.push(frame)
  return all
}

/** Mean of a colour of a square of 4x4 pixels of a frame of 64x64. */
function meanAt(frame: Uint8Array, x: number, y: number): number[] {
  const sums = [0, 0, 0]
  for (let dy = 0; dy < 4; dy++) {
    for (let dx = 0; dx < 4; dx++) {
      for (let c = 0; c < 3; c++) sums[c]! += frame[((y + dy) * 64 + x + dx) * 3 + c]! / 16
    }
  }
  return sums
}

describe('an example', () => {
  test('makes a video from a prompt', async () => {
    expect(await example('text.js', 'a red ball bounces on a blue floor', 'text.mp4')).toMatch(
      /step 20 of 20\n17 frames in text\.mp4\n$/,
    )
    expect(await framesOf('text.mp4')).toHaveLength(17)
  })

  test('starts from a picture', async () => {
    expect(await example('image.js')).toBe('image.mp4\n')
    const [red, green, blue] = meanAt((await framesOf('image.mp4'))[0]!, 18, 30) as [number, number, number]
    expect(red).toBeGreaterThan(150)
    expect(Math.max(green, blue)).toBeLessThan(100)
  })

  test('places pictures at the first and the last frame', async () => {
    expect(await example('keyframes.js')).toBe('keyframes.mp4\n')
    const frames = await framesOf('keyframes.mp4')
    const [first, last] = [frames[0]!, frames.at(-1)!].map(frame => [
      meanAt(frame, 14, 30),
      meanAt(frame, 46, 30),
    ])
    const isBlue = ([red, , blue]: number[]) => blue! > red! + 60
    expect([first, last].map(places => places!.map(isBlue))).toEqual([
      [true, false],
      [false, true],
    ])
  })

  test('makes a video from a video', async () => {
    await example('text.js', 'a red ball bounces on a blue floor', 'source.mp4')
    expect(await example('video.js', 'source.mp4')).toBe('video.mp4\n')
    const [made, source] = [await framesOf('video.mp4'), await framesOf('source.mp4')]
    expect(made).toHaveLength(source.length)
    expect(made.some((frame, index) => !Buffer.from(frame).equals(Buffer.from(source[index]!)))).toBe(true)
  })

  test('gives an adapter three strengths', async () => {
    const words = [path.join(goldens, 'wan21-t2v/model'), path.join(goldens, 'lora/kohya.safetensors')]
    expect(await example('lora.js', ...words)).toBe('lora-0.mp4\nlora-0.5.mp4\nlora-1.mp4\n')
    const [without, half, whole] = await Promise.all(
      ['0', '0.5', '1'].map(scale => framesOf(`lora-${scale}.mp4`).then(frames => Buffer.concat(frames))),
    )
    expect(without!.equals(whole!)).toBe(false)
    expect(half!.equals(whole!)).toBe(false)
  })

  test('ends a run at its first preview', async () => {
    const words = await example('abort.js')
    expect(words).toMatch(/^(preview of step 5: 64x64\n)?ended, and nothing was left behind\n$/)
    expect(existsSync(path.join(folder, 'abort.mp4'))).toBe(false)
  })

  test('makes many videos over two lanes', async () => {
    const lines = (await example('batch.js', folder)).trim().split('\n').sort()
    expect(lines.map(line => path.basename(line.split(':')[0]!))).toEqual(
      [0, 1, 2, 3].map(n => `batch-${n}.mp4`),
    )
  })

  test('answers a request of a Hono application', async () => {
    const { app } = (await import(pathToFileURL(path.join(compiled, 'hono-handler.js')).href)) as {
      app: { request(address: string): Promise<Response> }
    }
    const answer = await app.request('/video.mp4?prompt=a+red+ball')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'video/mp4'])
    expect(Buffer.from(await answer.arrayBuffer()).toString('latin1', 4, 8)).toBe('ftyp')
  })

  test('streams events from a route handler of Next.js', async () => {
    const program = `
      import { mkdirSync } from 'node:fs'
      import { POST } from ${JSON.stringify(pathToFileURL(path.join(compiled, 'next-route.js')).href)}
      mkdirSync('public', { recursive: true })
      const body = JSON.stringify({ prompt: 'a red ball' })
      process.stdout.write(await (await POST(new Request('http://a.test', { method: 'POST', body }))).text())
    `
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: folder })
    expect(stdout).toContain('event: step\ndata: {"step":20,"of":20}\n\n')
    const [, written] = stdout.match(/event: video\ndata: \{"path":"([^"]+)"\}/) ?? []
    expect(existsSync(path.join(folder, written!))).toBe(true)
  })

  test('keeps a queue of its own', { timeout: 120_000 }, async () => {
    expect(await example('worker.js', 'tasks')).toMatch(/^video_[^:]+: \d{4,} bytes of video\/mp4\n$/)
  })

  test('is in the table of their README', () => {
    const files = readdirSync(path.join(root, 'examples')).filter(name => name.endsWith('.ts'))
    const table = readFileSync(path.join(root, 'examples/README.md'), 'utf8')
    expect(files.filter(name => !table.includes(`| [${name}](${name})`))).toEqual([])
    expect(files).toHaveLength(10)
  })
})
