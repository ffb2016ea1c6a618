/** What belongs to a process: its memory, its end. Against the compiled package, in children. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { runInChild } from '../child.ts'
import { buildAddon, longRunningModel, noAddon } from '../contract/native-addon.ts'

describe.skipIf(noAddon)(`a process with native sessions${noAddon ? ` (skipped: ${noAddon})` : ''}`, () => {
  beforeAll(buildAddon)

  test('holds nothing after 1,000 cycles of opening, running and releasing, failures included', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['kernels/addon/cycles.mjs', '1000'])
    const { grownKb, alive } = JSON.parse(stdout)
    console.info(`resident memory grew by ${grownKb} kB from cycle 200 to cycle 1,000`)
    expect(alive).toEqual({ sessions: 0, tensors: 0 })
    // One leaked tensor or weight a cycle would be 204,800 kB.
    expect(grownKb).toBeLessThan(32_768)
  })

  test('stays for a run that is under way, and ends when there is none, disposed of or not', async () => {
    const sum = await runInChild<number>(`${longRun(40)}
      run.then(({ tensors }) => console.log(Math.round(tensors.y.data.reduce((sum, each) => sum + each, 0))))
    `)
    expect(sum).toBe(512 * 512)
  })

  test('can exit in the middle of a run', async () => {
    const startMs = performance.now()
    expect(
      await runInChild<string>(`${longRun(300)}
      setTimeout(() => { console.log('"left"'); process.exit() }, 100)
    `),
    ).toBe('left')
    expect(performance.now() - startMs).toBeLessThan(5000)
  })

  test('survives the end of a worker in the middle of its run', async () => {
    const worker = JSON.stringify(`${longRun(300)}; setTimeout(() => parentPort.postMessage('running'), 100)`)
    const code = await runInChild<number>(`
      import { once } from 'node:events'
      import { Worker } from 'node:worker_threads'
      const source = 'data:text/javascript,' + encodeURIComponent(${worker})
      const worker = new Worker(new URL(source))
      await once(worker, 'message')
      console.log(await worker.terminate())
    `)
    expect(code).toBe(1)
  })
})

/** A program's text that leaves a long run under way as `run`. */
function longRun(layers: number): string {
  const bytes = Buffer.from(longRunningModel(layers).bytes).toString('base64')
  return `
    import { parentPort } from 'node:worker_threads'
    import { NativeBackend } from ${JSON.stringify(compiled('src/runtime/native-backend.js'))}
    const backend = new NativeBackend({ device: { type: 'cpu' }, threads: 0 })
    const bytes = Buffer.from('${bytes}', 'base64')
    const session = await backend.open({ name: 'long', bytes, weightsFolder: '/', weightBytes: 0 })
    const ones = scale => ({ dtype: 'f32', shape: [512, 512], data: new Float32Array(512 * 512).fill(scale) })
    const run = session.run({ x: ones(1), w: ones(1 / 512) })
  `
}

function compiled(file: string): string {
  return new URL(`../../dist/${file}`, import.meta.url).href
}
