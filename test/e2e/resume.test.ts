/** Runs that were stopped or killed go on from their checkpoints. */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { framewright, prompt, start } from './run-cli.ts'

const folder = scratchFolder()
const words = ['generate', prompt, '--frames', '5', '--steps', '40', '-o', 'a.gif']
const seed = ['--seed', '7']
const checkpoint = '.a.gif.checkpoint'
let whole: Buffer

/** Starts a run that saves its state, and sends it a signal when some steps are done. @returns its folder */
async function stoppedBy(signal: NodeJS.Signals, more: readonly string[] = []): Promise<string> {
  const own = mkdtempSync(path.join(folder, 'run-'))
  const child = start(own, [...words, ...more])
  const closed = new Promise(resolve => child.once('close', resolve))
  let said = ''
  for await (const text of child.stderr!) {
    said += text
    if (!child.killed && said.includes('step 4/')) child.kill(signal)
  }
  await closed
  // The process of the command removes what is unfinished after its supervisor was killed.
  for (let tries = 0; tries < 100 && readdirSync(own).length > 1; tries++) await wait(50)
  return own
}

beforeAll(async () => {
  await framewright(folder, [...words, ...seed])
  whole = readFileSync(path.join(folder, 'a.gif'))
})

test('a run that was killed goes on to the same video, bit for bit', async () => {
  const every = [...seed, '--checkpoint-every', '2']
  const own = await stoppedBy('SIGKILL', every)
  expect(readdirSync(own)).toEqual([checkpoint])
  const { code, stderr } = await framewright(own, [...words, ...every, '--resume'])
  expect(stderr).toMatch(/going on after step \d*[02468]\n/)
  expect(stderr).not.toContain('step 1/')
  expect(code).toBe(0)
  expect(readFileSync(path.join(own, 'a.gif')).equals(whole)).toBe(true)
  expect(readdirSync(own)).toEqual(['a.gif'])
})

test('a run that was interrupted has its last step saved, with a seed that was chosen', async () => {
  const own = await stoppedBy('SIGINT', ['--checkpoint-every', '600s'])
  expect(readdirSync(own)).toEqual([checkpoint])
  const { code, stderr } = await framewright(own, [...words, '--resume'])
  expect(stderr).toMatch(/going on after step [1-9]/)
  expect(code).toBe(0)
  expect(readdirSync(own)).toEqual(['a.gif'])

  const other = await stoppedBy('SIGINT', [...seed, '--checkpoint-every', '1'])
  const wrong = await framewright(other, [...words, '--seed', '8', '--guidance', '2', '--resume'])
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toMatch(
    /^error: --resume: expected the request that .*\.a\.gif\.checkpoint was saved for, got /m,
  )
  expect(wrong.stderr).toContain('guidance 2 where it has none')
  expect(wrong.stderr).toContain('seed "8" where it has "7"')
  expect(existsSync(path.join(other, checkpoint))).toBe(true)
})

test('what cannot be gone on from is refused before a model is loaded', async () => {
  expect(await framewright(folder, ['generate', prompt, '--resume'])).toMatchObject({
    code: 2,
    stderr:
      'error: --resume: expected the --output of the run, got none. The checkpoint lies beside the output.\n',
  })
  expect(await framewright(folder, [...words, '--checkpoint-every', '0'])).toMatchObject({
    code: 2,
    stderr:
      'error: --checkpoint-every: expected a number of steps, such as 5, or of seconds, such as 60s, got "0".\n',
  })
})
