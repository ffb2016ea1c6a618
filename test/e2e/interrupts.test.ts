/** What is interrupted ends in time, says so, and leaves nothing unfinished. */
import { mkdtempSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { prompt, start } from './run-cli.ts'

const folder = scratchFolder()

interface Interrupted {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** From the first signal to the end. */
  readonly ms: number
  /** What is left in the folder. */
  readonly left: readonly string[]
}

/** Starts a command, sends it a signal when its output has a text, and the second one when it has told of the first. */
async function interrupted(
  words: readonly string[],
  at: string,
  signal: NodeJS.Signals,
  { twice = false } = {},
): Promise<Interrupted> {
  const own = mkdtempSync(path.join(folder, 'run-'))
  const child = start(own, words)
  const said = { out: '', err: '' }
  let began = 0
  const take = (stream: 'out' | 'err') => (text: Buffer) => {
    said[stream] += text
    if (began === 0 && said[stream].includes(at)) {
      began = performance.now()
      child.kill(signal)
    }
    if (twice && stream === 'err' && said.err.includes('once more')) child.kill(signal)
  }
  child.stdout!.on('data', take('out'))
  child.stderr!.on('data', take('err'))
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { ...said, code, ms: performance.now() - began, left: readdirSync(own) }
}

const video = ['generate', prompt, '--steps', '500', '-o', 'a.mp4']
/** A step of it takes minutes. */
const slow = ['generate', prompt, '--size', '1024x1024', '--frames', '81', '--steps', '50', '-o', 'slow.webm']

describe('a run that is interrupted', () => {
  test.each<[where: string, words: readonly string[], at: string, signal: NodeJS.Signals, code: number]>([
    ['in a step', video, 'step 2/', 'SIGINT', 130],
    ['in a step, by SIGTERM', video, 'step 2/', 'SIGTERM', 143],
    ['in a step, by SIGHUP', video, 'step 2/', 'SIGHUP', 129],
    ['in a step that takes minutes', slow, 'on cpu', 'SIGINT', 130],
    [
      'in the decoding of a folder',
      ['generate', prompt, '--steps', '1', '--frames', '253', '--chunk', '1', '-o', 'pictures/'],
      'decoded 5/253',
      'SIGINT',
      130,
    ],
    [
      'on several lanes',
      [...video.slice(0, -1), 'many.gif', '--count', '5', '--lanes', '2', '--save-latents', 'l.safetensors'],
      'step 2/',
      'SIGTERM',
      143,
    ],
  ])('%s ends within 5 s and leaves nothing', async (_, words, at, signal, code) => {
    const end = await interrupted(words, at, signal)
    expect(end).toMatchObject({ code, left: [] })
    expect(end.err).toMatch(/^stopping in .+: unfinished files are removed; once more to stop at once$/m)
    expect(end.err).toMatch(new RegExp(`stopped by ${signal}.*: nothing unfinished is left\n$`))
    expect(end.err).not.toContain('error')
    expect(end.ms).toBeLessThan(5000)
  })

  test('twice ends at once', async () => {
    const end = await interrupted(slow, 'on cpu', 'SIGINT', { twice: true })
    expect(end).toMatchObject({ code: 130, left: [] })
    expect(end.ms).toBeLessThan(2000)
  })

  test('with --json says so in JSON', async () => {
    const end = await interrupted([...video, '--json'], '"step-end"', 'SIGINT')
    expect(end).toMatchObject({ code: 130, left: [] })
    expect(JSON.parse(end.out.trimEnd().split('\n').at(-1)!)).toEqual({
      type: 'error',
      code: 'cancelled',
      message: 'interrupted',
    })
  })

  test.each([0, 60, 250])('%d ms after its start leaves nothing', async ms => {
    const own = mkdtempSync(path.join(folder, 'early-'))
    const child = start(own, video)
    const closed = new Promise<number | null>(resolve => child.once('close', resolve))
    await wait(ms)
    child.kill('SIGINT')
    // Before Node.js runs our code, it ends as any program does.
    expect([130, null]).toContain(await closed)
    expect(readdirSync(own)).toEqual([])
  })
})

describe('another command that is interrupted', () => {
  test.each<[name: string, words: readonly string[], at: string]>([
    ['eval', ['eval', '--prompts', '5'], '1/'],
    ['bench', ['bench', 'step', '--size', '512x512', '--repeat', '50'], 'measuring step'],
  ])('%s ends within 5 s', async (_, words, at) => {
    const end = await interrupted(words, at, 'SIGTERM')
    expect(end.code).toBe(143)
    expect(end.err).toMatch(/stopped by SIGTERM.*: nothing unfinished is left\n$/)
    expect(end.ms).toBeLessThan(5000)
  })
})

test('a program that is killed takes its command and unfinished files along', async () => {
  const own = mkdtempSync(path.join(folder, 'killed-'))
  const child = start(own, slow)
  const ended = new Promise(resolve => child.once('close', resolve))
  for await (const text of child.stderr!) if (String(text).includes('on cpu')) break
  child.kill('SIGKILL')
  await ended
  for (let tries = 0; tries < 100 && readdirSync(own).length > 0; tries++) await wait(50)
  expect(readdirSync(own)).toEqual([])
})
