import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { documentPrograms } from '../markdown-code.ts'
import { scratchFolder } from '../scratch.ts'

const folder = scratchFolder()

test('the README has a library example that makes a video', async () => {
  const example = documentPrograms.find(({ file, language }) => file === 'README.md' && language === 'ts')!
  const output = path.join(folder, 'ball.mp4')
  const source = example.text.replace("'ball.mp4'", JSON.stringify(output))
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source])
  expect(stdout).toMatch(/^step 1 of 20\n(step \d+ of 20\n){19}17 frames in .*ball\.mp4\n$/)
  expect(readFileSync(output).subarray(4, 8).toString()).toBe('ftyp')
})
