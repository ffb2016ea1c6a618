/** Several videos from one command. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { framewright, prompt } from './run-cli.ts'

const folder = scratchFolder()
const short = ['--steps', '1', '--frames', '5']

/** The record of a file that was made. */
async function recordOf(file: string): Promise<Record<string, unknown>> {
  return JSON.parse((await framewright(folder, ['show', file, '--json'])).stdout) as Record<string, unknown>
}

test('--count makes videos from consecutive seeds, on as many lanes as --lanes says, each as if it were alone', async () => {
  const several = ['--seed', '5', '--count', '3', '--lanes', '2', '-o', 'ball-{seed}.gif']
  const { code, stdout, stderr } = await framewright(folder, ['generate', prompt, ...short, ...several])
  expect(code).toBe(0)
  const names = ['ball-5.gif', 'ball-6.gif', 'ball-7.gif']
  expect(readdirSync(folder).filter(name => name.startsWith('ball'))).toEqual(names)
  const paths = [...stdout.matchAll(/^(ball-\d\.gif): 64x64, 5 frames/gm)].map(([, name]) => name!)
  expect(paths.sort()).toEqual(names)
  for (const number of [1, 2, 3]) {
    expect(stderr).toMatch(new RegExp(`^\\[${number}/3\\] step 1/1, `, 'm'))
    expect(stderr).toMatch(new RegExp(`^\\[${number}/3\\] .* seed ${number + 4}, on cpu$`, 'm'))
  }
  await framewright(folder, ['generate', prompt, ...short, '--seed', '6', '-o', 'alone.gif'])
  expect(await recordOf('ball-6.gif')).toEqual(await recordOf('alone.gif'))
  expect(
    readFileSync(path.join(folder, 'alone.gif')).equals(readFileSync(path.join(folder, 'ball-6.gif'))),
  ).toBe(true)
})

test('--prompts makes a video of every line that has one', async () => {
  writeFileSync(
    path.join(folder, 'prompts.txt'),
    '\uFEFFa red ball\r\n\r\n  a blue “star”  \n\na green square',
  )
  const words = ['generate', '--prompts', 'prompts.txt', ...short, '--seed', '1', '-o', 'line.webp', '--json']
  const { code, stdout } = await framewright(folder, words)
  expect(code).toBe(0)
  const events = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  const written = events.filter(({ type }) => type === 'video-written')
  expect(written.map(({ video, path: file }) => [video, file])).toEqual([
    [1, 'line-1.webp'],
    [2, 'line-2.webp'],
    [3, 'line-3.webp'],
  ])
  const records = await Promise.all(['line-1.webp', 'line-2.webp', 'line-3.webp'].map(recordOf))
  expect(records.map(record => record.prompt)).toEqual(['a red ball', 'a blue “star”', 'a green square'])
})

test('videos of one prompt get names that do not collide', async () => {
  const words = ['generate', 'A red BALL!', ...short, '--count', '2', '--seed', '1', '--quiet']
  expect((await framewright(folder, words)).stdout.trim().split('\n').sort()).toEqual([
    'a-red-ball-1.mp4',
    'a-red-ball-2.mp4',
  ])
  expect((await framewright(folder, words)).stdout.trim().split('\n').sort()).toEqual([
    'a-red-ball-1-2.mp4',
    'a-red-ball-2-2.mp4',
  ])
})

test('lanes beyond the videos are not opened, and said', async () => {
  const words = ['generate', prompt, ...short, '--lanes', '3', '--device', 'cpu', '-o', 'one.mp4', '--json']
  const { code, stdout } = await framewright(folder, words)
  expect(code).toBe(0)
  expect(stdout).toContain(
    '"code":"machine/capped","message":"lanes: 1 are used, as many as there are videos, of the 3 asked for."',
  )
})
