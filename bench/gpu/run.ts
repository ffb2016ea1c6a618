/** Measures a GPU box in stages; see README.md beside this file. */
import { appendFileSync, mkdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parseSize } from '../../src/geometry/parse-size.ts'
import { builtKernels, withoutKernels } from '../../src/runtime/native-parts.ts'
import { runProgram } from './run-program.ts'
import { runStages } from './run-stages.ts'
import { gpuStages } from './stages.ts'
import { lineText, type ResultLine } from './tasks.ts'
import { weightsFolder } from './weights-folder.ts'

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda' },
    output: { type: 'string', default: process.env.OUT ?? 'out' },
    python: { type: 'string', default: 'python3' },
    diffusers: { type: 'string' },
    size: { type: 'string', default: '832x480' },
    frames: { type: 'string', default: '81' },
    layers: { type: 'string' },
    stages: { type: 'string' },
    limit: { type: 'string', default: '480' },
    pace: { type: 'string', default: '1' },
    work: { type: 'string' },
  },
})

const root = fileURLToPath(new URL('../../..', import.meta.url)) // from dist/bench/gpu
const output = path.resolve(values.output)
mkdirSync(output, { recursive: true })
parseSize(values.size)

/** Memory where there is room for the weights of 14B parameters and more, else the disk. */
function weightsPlace(): string {
  const { bavail, bsize } = statfsSync('/dev/shm')
  return bavail * bsize > 60e9 ? '/dev/shm' : tmpdir()
}

const weights = weightsFolder(values.work ?? weightsPlace())
const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interruption.abort(new Error(`ended by ${signal}`)))
}

const kernels = [...(withoutKernels(builtKernels())?.kernels ?? [])]
const { device, size, layers } = values
const stages = gpuStages({
  ...{ root, weights, output, device, size, kernels },
  frames: Number(values.frames),
  ...(layers !== undefined && { layers: Number(layers) }),
})
const file = path.join(output, 'results.jsonl')
const record = (line: ResultLine) => {
  appendFileSync(file, `${JSON.stringify(line)}\n`)
  console.log(lineText(line))
}
const variables = {
  UV_THREADPOOL_SIZE: '16', // files of weights are written side by side
  TMPDIR: weights,
  ...(values.diffusers !== undefined && { PYTHONPATH: path.resolve(values.diffusers) }),
}
try {
  await runStages(stages, {
    limitSeconds: Number(values.limit),
    pace: Number(values.pace),
    onGpu: device !== 'cpu',
    ...(values.stages !== undefined && { only: values.stages.split(',').map(Number) }),
    signal: interruption.signal,
    run: (task, seconds) => {
      return runProgram(task, seconds, { python: values.python, variables, signal: interruption.signal })
    },
    record,
  })
} finally {
  rmSync(weights, { recursive: true, force: true })
}
console.log(`written to ${file}`)
if (interruption.signal.aborted) process.exitCode = 130
