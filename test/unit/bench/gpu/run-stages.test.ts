import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { backendFault } from '../../../../bench/gpu/kit-tasks.ts'
import { partsOf, productionPackages } from '../../../../bench/gpu/pack-list.ts'
import { largestRowError } from '../../../../bench/gpu/relative-error.ts'
import { runProgram } from '../../../../bench/gpu/run-program.ts'
import { type RunOptions, runStages } from '../../../../bench/gpu/run-stages.ts'
import { gpuStages, perLayer, savedPerLayer } from '../../../../bench/gpu/stages.ts'
import {
  lineText,
  type Outcome,
  type ResultLine,
  type Stage,
  type Task,
} from '../../../../bench/gpu/tasks.ts'
import { weightsFolder } from '../../../../bench/gpu/weights-folder.ts'
import { scratchFolder } from '../../../scratch.ts'

const scratch = scratchFolder()

function task(name: string, more: Partial<Task> = {}): Task {
  return { name, program: 'node', words: [], ...more }
}

/** Runs stages whose tasks take seconds of a clock that nobody waits for. */
async function walk(
  stages: readonly Stage[],
  outcome: (task: Task) => Outcome,
  options: Partial<Pick<RunOptions, 'limitSeconds' | 'onGpu' | 'only' | 'signal'>> = {},
) {
  const lines: ResultLine[] = []
  let clock = 0
  await runStages(stages, {
    limitSeconds: 480,
    pace: 1,
    onGpu: true,
    ...options,
    now: () => clock * 1000,
    run: async each => {
      const made = outcome(each)
      clock += made.seconds
      return made
    },
    record: line => lines.push(line),
  })
  return lines
}

const ok = (seconds = 1, result: unknown = {}): Outcome => ({ status: 'ok', seconds, result })

describe('the stages', () => {
  const stages: Stage[] = [
    { number: 0, title: '', budgetSeconds: 10, tasks: [task('a'), task('b')] },
    { number: 1, title: '', budgetSeconds: 10, tasks: [task('c')] },
  ]

  test('go on after a task that fails', async () => {
    const failed = { status: 'failed', seconds: 1, message: 'no such file' } as const
    const lines = await walk(stages, each => (each.name === 'a' ? failed : ok()))
    expect(lines.map(({ task, status }) => `${task} ${status}`)).toEqual(['a failed', 'b ok', 'c ok'])
  })

  test('take twice their budget at most, and leave the later ones theirs', async () => {
    const lines = await walk(stages, () => ok(19))
    expect(lines.map(({ task, status }) => `${task} ${status}`)).toEqual(['a ok', 'b no time left', 'c ok'])
  })

  test('end with the time for all of them', async () => {
    const lines = await walk(stages, () => ok(9), { limitSeconds: 20 })
    expect(lines.map(({ status }) => status)).toEqual(['ok', 'ok', 'no time left'])
  })

  test('end after the task at which the run is interrupted, which is recorded', async () => {
    const interruption = new AbortController()
    const stop = (): Outcome => {
      interruption.abort()
      return { status: 'interrupted', seconds: 1, message: 'ended by SIGTERM' }
    }
    const { signal } = interruption
    const lines = await walk(stages, each => (each.name === 'b' ? stop() : ok()), { signal })
    expect(lines.map(({ task, status }) => `${task} ${status}`)).toEqual(['a ok', 'b interrupted'])
  })

  test('can be chosen', async () => {
    const lines = await walk(stages, () => ok(), { only: [1] })
    expect(lines.map(({ task }) => task)).toEqual(['c'])
  })

  test('try attention that fails on a GPU again without that of cuDNN', async () => {
    const withCudnn = (each: Task) => each.variables?.ORT_ENABLE_CUDNN_FLASH_ATTENTION !== '0'
    const message = "running MultiHeadAttention node. Name:'blocks.0.attn1'"
    const outcome = (each: Task): Outcome =>
      withCudnn(each) ? { status: 'failed', seconds: 1, message } : ok(2, { step: 3 })
    const [line] = await walk(stages, outcome)
    expect(line).toMatchObject({ status: 'ok', seconds: 2, retried: expect.stringContaining(message) })
    const [onCpu] = await walk(stages, outcome, { onGpu: false })
    expect(onCpu).toMatchObject({ status: 'failed', message })
  })

  test('count a result that is not what was to be measured as failed', async () => {
    const stage = { number: 0, title: '', budgetSeconds: 10, tasks: [task('a', { check: () => 'wrong' })] }
    expect(await walk([stage], () => ok())).toMatchObject([{ status: 'failed', message: 'wrong' }])
  })

  test('add figures that follow from several results', async () => {
    const report = (p50: number) => ({ measurements: { step: { p50, unit: 's' } } })
    const stage: Stage = {
      ...{ number: 2, title: '', budgetSeconds: 40, tasks: [task('few'), task('more')] },
      derive: results => perLayer(results, ['few', 'more'], [2, 6], 'step'),
    }
    const lines = await walk([stage], each => ok(1, report(each.name === 'few' ? 0.5 : 0.9)))
    const { result } = lines.at(-1)!
    expect((result as Record<string, number>)['layer, s']).toBeCloseTo(0.1)
    expect((result as Record<string, number>)['step of 40 layers, s']).toBeCloseTo(0.5 + 38 * 0.1)
  })
})

test('a report of another backend, or without our kernels, is none', () => {
  const report = (backend: string, kernels: string) => ({ settings: { backend, kernels } })
  expect(backendFault(report('native', 'a b'), 'cuda', ['a', 'b'])).toBeUndefined()
  expect(backendFault(report('onnxruntime-node', ''), 'cuda', ['a'])).toBe(
    'backend: expected native, got onnxruntime-node',
  )
  expect(backendFault(report('native', 'a'), 'cuda', ['a', 'b'])).toBe('kernels: expected a, b, got a')
  expect(backendFault(report('native', 'b a'), 'cuda', ['a'])).toBe('kernels: expected a, got a, b')
  expect(backendFault(report('native', ''), 'cuda', [])).toBe('kernels: expected a library of ours, got none')
  expect(backendFault(report('onnxruntime-node', ''), 'cpu', [])).toBeUndefined()
})

test('every stage of the plan has a budget, and all of them eight minutes at most', () => {
  const place = { root: '/kit', weights: '/dev/shm/w', output: '/out', kernels: ['a'] }
  const stages = gpuStages({ ...place, device: 'cuda', size: '832x480', frames: 81 })
  expect(stages.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(stages.reduce((sum, { budgetSeconds }) => sum + budgetSeconds, 0)).toBeLessThanOrEqual(480)
  const words = stages.flatMap(({ tasks }) => tasks.map(each => each.words.join(' ')))
  expect(words.filter(each => each.includes('vitest'))).toEqual([])
  const files = stages.flatMap(({ tasks }) => tasks.flatMap(({ json }) => json ?? []))
  expect(new Set(files).size).toBeGreaterThan(8)
})

test('a trial on a CPU takes what a GPU does, but for the options of the CUDA provider and PyTorch compiled', () => {
  const place = {
    root: '/kit',
    weights: '/dev/shm/w',
    output: '/out',
    kernels: ['linear', 'norm-silu-windows'],
  }
  const namesOn = (device: string) => {
    return gpuStages({ ...place, device, size: '832x480', frames: 81 }).flatMap(({ tasks }) => {
      return tasks.map(({ name }) => name)
    })
  }
  const onCpu = new Set(namesOn('cpu'))
  expect(namesOn('cuda').filter(name => !onCpu.has(name))).toEqual([
    'decode 4 fuse_conv_bias=1',
    'decode 4 prefer_nhwc=1 without norm-silu-windows',
    ...['cudnn 2', 'cudnn 6', 'compiled 2', 'compiled 6'],
  ])
})

test('networks do without each kernel that they use once, and the reports have to say so', () => {
  const place = {
    root: '/kit',
    weights: '/dev/shm/w',
    output: '/out',
    kernels: ['a', 'gated-residual', 'b', 'norm-silu-windows', 'round-norm', 'round-rows', 'round-sums'],
  }
  const stages = gpuStages({ ...place, device: 'cuda', size: '832x480', frames: 81 })
  const without = stages.flatMap(({ number, tasks }) => {
    return tasks.flatMap(({ name, variables }) => {
      const leftOut = variables?.FRAMEWRIGHT_WITHOUT_KERNELS
      return leftOut === undefined ? [] : [`${number} ${name}: ${leftOut}`]
    })
  })
  expect(without).toEqual([
    '1 transformer without a: a',
    '1 transformer without b: b',
    '1 decoder without norm-silu-windows: norm-silu-windows',
    '2 without a: a',
    '2 without b: b',
    '2 in fp8 without round-norm: round-norm',
    '2 in fp8 without round-sums: round-sums',
    '4 decode 4 without norm-silu-windows: norm-silu-windows',
    '4 decode 4 prefer_nhwc=1 without norm-silu-windows: norm-silu-windows',
  ])
  const { check } = stages[2]!.tasks.find(({ name }) => name === 'without a')!
  const report = (kernels: string) => ({ settings: { backend: 'native', kernels } })
  expect(
    check!(report('gated-residual b norm-silu-windows round-norm round-rows round-sums')),
  ).toBeUndefined()
  const others = 'b, gated-residual, norm-silu-windows, round-norm, round-rows, round-sums'
  expect(check!(report('a gated-residual b norm-silu-windows round-norm round-rows round-sums'))).toBe(
    `kernels: expected ${others}, got a, ${others}`,
  )
})

test('what a kernel saves is the time without it less that with all, for each layer', () => {
  const report = (p50: number) => ({ measurements: { step: { p50, unit: 's' } } })
  const results = new Map([
    ['more', report(0.9)],
    ['without a', report(1.2)],
  ])
  const saved = savedPerLayer(results, 'more', ['a', 'b'], 6)
  expect(Object.keys(saved)).toEqual(['a saves a layer, ms'])
  expect(saved['a saves a layer, ms']).toBeCloseTo(50)
  expect(savedPerLayer(new Map(), 'more', ['a'], 6)).toEqual({})
  const inFloat8 = new Map([
    ['in fp8', report(0.6)],
    ['in fp8 without a', report(0.606)],
    ['without a', report(1.2)],
  ])
  const ofFloat8 = savedPerLayer(inFloat8, 'in fp8', ['a'], 6, 'in fp8 ')
  expect(ofFloat8['a saves a layer, ms']).toBeCloseTo(1)
})

test('a line says how a task ended and what it found', () => {
  const line = { stage: 4, task: 'decode 4', seconds: 12.34, at: 100 }
  const measurements = { clip: { p50: 2.03456, unit: 's' } }
  expect(lineText({ ...line, status: 'ok', result: { measurements } })).toBe(
    '[4] decode 4: 12.3 s  clip 2.035 s',
  )
  expect(lineText({ ...line, status: 'failed', message: '1: out of\nmemory' })).toBe(
    '[4] decode 4: failed: 1: out of memory',
  )
  const retried = `without cuDNN's attention; with it: ${'no plan '.repeat(99)}`
  expect(lineText({ ...line, status: 'ok', retried, result: { measurements } })).toMatch(
    /^\[4\] decode 4: 12\.3 s {2}clip 2\.035 s {2}\(without cuDNN's attention/,
  )
})

describe('a program', () => {
  const options = { python: path.join(scratch, 'no-python'), variables: { KIT: 'yes' } }
  const script = (text: string) => task('script', { words: ['-e', text] })

  test('gives the JSON that it prints, with the variables of the kit and its own', async () => {
    const text = 'console.log(JSON.stringify([process.env.KIT, process.env.OWN]))'
    const outcome = await runProgram({ ...script(text), variables: { OWN: 'too' } }, 30, options)
    expect(outcome).toMatchObject({ status: 'ok', result: ['yes', 'too'] })
  })

  test('that fails gives the end of what it wrote', async () => {
    const outcome = await runProgram(script('console.error("why"); process.exit(3)'), 30, options)
    expect(outcome).toMatchObject({ status: 'failed', message: '3: why' })
  })

  test('that throws gives the message of its error, not the end of what Node prints with it', async () => {
    const thrown = `
      const cause = Object.assign(new Error('node MultiHeadAttention: no plan'), { [Symbol('mark')]: true })
      cause.name = 'BackendError'
      Promise.reject(cause)`
    const outcome = await runProgram(script(thrown), 30, options)
    expect(outcome).toMatchObject({
      status: 'failed',
      message: '1: Error [BackendError]: node MultiHeadAttention: no plan',
    })
  })

  test('of our command line gives its error, not the progress after it', async () => {
    const text =
      'console.error("measuring\\nerror: step: expected a run, got none\\n  at a node"); process.exit(1)'
    const outcome = await runProgram(script(text), 30, options)
    expect(outcome).toMatchObject({ status: 'failed', message: '1: error: step: expected a run, got none' })
  })

  test('that gives a result with another status is no failure where that is expected', async () => {
    const findings = script('console.log("[]"); process.exit(1)')
    expect(await runProgram(findings, 30, options)).toMatchObject({ status: 'failed' })
    const outcome = await runProgram({ ...findings, exitsWith: 1 }, 30, options)
    expect(outcome).toMatchObject({ status: 'ok', result: [] })
  })

  test('that takes too long is ended', async () => {
    const outcome = await runProgram(script('setInterval(() => {}, 1000)'), 0.5, options)
    expect(outcome.status).toBe('out of time')
  })

  test('that is interrupted is ended with what it started', async () => {
    const pidFile = path.join(scratch, 'grandchild')
    const text = `
      const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
      require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(child.pid))
      setInterval(() => {}, 1000)`
    const interruption = new AbortController()
    const running = runProgram(script(text), 30, { ...options, signal: interruption.signal })
    await expect
      .poll(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8'), { timeout: 20_000 })
      .toMatch(/\d/)
    interruption.abort(new Error('ended by SIGTERM'))
    expect(await running).toMatchObject({ status: 'interrupted', message: 'ended by SIGTERM' })
    const isRunning = () => existsSync(`/proc/${readFileSync(pidFile, 'utf8')}/cwd`)
    await expect.poll(isRunning).toBe(false)
  })

  test('that is not there is a failure like others', async () => {
    const outcome = await runProgram(task('peer', { program: 'python' }), 30, options)
    expect(outcome).toMatchObject({ status: 'failed', message: expect.stringContaining('ENOENT') })
  })
})

test('a row that is wrong among many is seen, and one that is no number', () => {
  const differences = new Float32Array(1000)
  const squares = new Float32Array(1000).fill(4)
  expect(largestRowError(differences, squares)).toBe(0)
  differences[700] = 1
  expect(largestRowError(differences, squares)).toBe(0.5)
  differences[3] = Number.NaN
  expect(largestRowError(differences, squares)).toBe(Number.POSITIVE_INFINITY)
})

test('weights of a run that was killed are removed, of one that goes on are not', () => {
  const above = path.join(scratch, 'weights')
  const names = [
    `framewright-gpu-${process.ppid}-abc`,
    'framewright-gpu-999999999-abc',
    'framewright-gpu-own',
  ]
  for (const name of names) mkdirSync(path.join(above, name), { recursive: true })
  const folder = path.basename(weightsFolder(above))
  expect(readdirSync(above).sort()).toEqual([names[0]!, names[2]!, folder].sort())
})

test('the kit has the packages of production without those of media and databases', () => {
  const packages = {
    '': {},
    'node_modules/zod': {},
    'node_modules/vitest': { dev: true },
    'node_modules/@seydx/node-av-linux-x64': {},
    'node_modules/node-av': {},
    'node_modules/@electric-sql/pglite': {},
    'node_modules/@napi-rs/nice-linux-x64-gnu': {},
    'node_modules/@napi-rs/nice-darwin-x64': {},
  }
  expect(productionPackages(packages)).toEqual([
    'node_modules/zod',
    'node_modules/@napi-rs/nice-linux-x64-gnu',
  ])
})

test('the kit has every package that the program loads when it starts', () => {
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
  const later = ['@electric-sql/pglite', '@mediabunny/server', 'mediabunny', 'node-av', 'pg', 'sharp']
  const needed = Object.keys(read('package.json').dependencies).filter(name => !later.includes(name))
  const packed = productionPackages(read('package-lock.json').packages)
  expect(packed).toEqual(expect.arrayContaining(needed.map(name => `node_modules/${name}`)))
})

test('an archive is cut into parts that make it again', () => {
  const bytes = Buffer.from('0123456789')
  expect(partsOf(bytes, 4).map(String)).toEqual(['0123', '4567', '89'])
  expect(partsOf(bytes, 10).map(String)).toEqual(['0123456789'])
})
