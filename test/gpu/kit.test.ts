/**
 * The kit that measures a GPU, unpacked in an empty folder and run on stand-ins with a PATH of its own:
 * `FRAMEWRIGHT_TEST_KIT=bench/gpu/kit npx vitest run test/gpu/kit.test.ts`, after `pack`. It takes a minute.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { ResultLine } from '../../bench/gpu/tasks.ts'
import { scratchFolder } from '../scratch.ts'
import { cudaMachine } from './cuda-machine.ts'

const kit = process.env.FRAMEWRIGHT_TEST_KIT
const scratch = scratchFolder()
const machine = kit === undefined ? 'FRAMEWRIGHT_TEST_KIT names no kit' : await cudaMachine()

/** What the kit does not bring. */
const tools = ['bash', 'cat', 'dirname', 'mkdir', 'tar', 'touch', 'xz']

test.skipIf(typeof machine === 'string')(
  `every task of the first stages has its line, with the native backend and our kernels${typeof machine === 'string' ? ` (skipped: ${machine})` : ''}`,
  () => {
    if (typeof machine === 'string') return
    const [bin, empty, output] = ['bin', 'empty', 'output'].map(name => path.join(scratch, name))
    for (const folder of [bin, empty]) mkdirSync(folder!)
    for (const tool of tools) {
      const file = execFileSync('which', [tool], { encoding: 'utf8' }).trim()
      symlinkSync(file, path.join(bin!, tool))
    }
    const words = ['--output', output!, '--stages', '0,1', '--pace', '5', '--limit', '500', '--work', scratch]
    execFileSync('bash', [path.resolve('bench/gpu/run'), ...words], {
      cwd: empty,
      stdio: 'ignore',
      env: {
        PATH: bin,
        HOME: empty,
        KIT: path.resolve(kit!),
        UNPACKED: path.join(empty!, 'unpacked'),
        LD_LIBRARY_PATH: machine.standIns,
      },
    })
    const lines = readFileSync(path.join(output!, 'results.jsonl'), 'utf8').trim().split('\n')
    const results = lines.map(line => JSON.parse(line) as ResultLine)
    // Nothing is computed on stand-ins: what is compared is wrong, and cuDNN has no plan for a convolution.
    const wrong = expect.stringMatching(/expected an error below \S+, got/)
    const noPlan = expect.stringContaining('BackendError: vae-decoder-first')
    const compared = ['kernels', 'attention', 'transformer'].map(task => ({ task, message: wrong }))
    const without = ['linear', 'qk-norm-rope', 'residual-norm'].map(kernel => {
      return { task: `transformer without ${kernel}`, message: wrong }
    })
    expect(results).toMatchObject([
      { task: 'machine', status: 'ok' },
      { task: 'doctor', status: 'ok' },
      ...compared,
      { task: 'decoder', message: noPlan },
      ...without,
      { task: 'decoder without norm-silu-windows', message: noPlan },
    ])
    const used = {
      backend: 'native',
      kernels:
        'gated-residual linear norm-modulate norm-silu-windows qk-norm-rope residual-norm round-norm round-rows round-sums',
    }
    expect(results[2]!.result).toMatchObject(used)
  },
  600_000,
)
