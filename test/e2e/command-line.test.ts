import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { withoutNotices } from './run-cli.ts'

const folder = scratchFolder()
const main = path.resolve('dist/src/cli/main.js')

test.skipIf(process.platform !== 'linux').each([
  [6_000, /^a\.gif\n$/],
  [
    20_000,
    /^error: command line of this process: expected at most 8192 bytes, which is what ONNX Runtime bears, got 20\d{3}\. Give long prompts in a file, with --prompts\.\n$/,
  ],
])(
  'a process whose command line has %d bytes and more makes a video or says why not',
  async (bytes, said) => {
    const words = [
      'generate',
      'red '.repeat(bytes / 4),
      '--frames',
      '1',
      '--steps',
      '1',
      '-o',
      'a.gif',
      '--quiet',
    ]
    const run = promisify(execFile)(process.execPath, [main, ...words], { cwd: folder })
    const { stdout, stderr } = await run.catch((error: { stdout: string; stderr: string }) => error)
    expect(stdout || withoutNotices(stderr)).toMatch(said)
  },
)
