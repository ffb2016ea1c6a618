/**
 * A lane ends without taking its process with it, whatever its thread is at. FRAMEWRIGHT_TEST_ENDINGS says how often
 * each way is tried: 200 is what a release has to pass.
 * @default 2
 */
import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runInChild } from '../child.ts'
import { buildAddon, noAddon } from '../contract/native-addon.ts'
import { fixture } from '../fixtures.ts'
import { scratchFolder } from '../scratch.ts'
import { builtIn, framewright, prompt, root } from './run-cli.ts'

const times = Number(process.env.FRAMEWRIGHT_TEST_ENDINGS ?? 2)
const folder = scratchFolder()

describe(`in ${times} runs of each kind, none ends by a signal`, { timeout: 60_000 + times * 10_000 }, () => {
  test.each([
    ['OnnxRuntimeBackend', 'onnxruntime-backend'],
    ...(noAddon ? [] : [['NativeBackend', 'native-backend']]),
  ])('of lanes of the %s that are closed while they load', async (name, file) => {
    if (name === 'NativeBackend') await buildAddon()
    const closings = times > 10 ? times : 10 * times
    const closed = await runInChild<number>(`
      import { setTimeout as wait } from 'node:timers/promises'
      import { ${name} } from './dist/src/runtime/${file}.js'
      // Ten at once: threads that are kept for later lanes have loaded already.
      for (let closed = 0; closed < ${closings}; closed += 10) {
        const lanes = Array.from({ length: 10 }, () => new ${name}({ device: { type: 'cpu' }, threads: 1 }))
        await Promise.all(lanes.map(async (lane, index) => {
          await wait((120 * (closed + index)) / ${closings})
          await lane[Symbol.asyncDispose]()
        }))
      }
      process.stdout.write('${closings}')
    `)
    expect(closed).toBe(closings)
  })

  test('of commands whose request is wrong', async () => {
    copyFileSync(fixture('wan21-i2v/inputs/case-2-image.png'), join(folder, 'picture.png'))
    for (let run = 0; run < times; run++) {
      const words = ['generate', prompt, '--keyframe', '99:picture.png', '-o', 'wrong.mp4']
      const { code, stderr } = await framewright(folder, words)
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: 'error: --keyframe: expected a frame from 0 to 16, got 99.\n',
      })
    }
  })

  test('of commands whose checkpoint cannot be read', async () => {
    const model = join(folder, 'cut-off')
    cpSync(builtIn, model, { recursive: true })
    truncateSync(join(model, 'transformer/diffusion_pytorch_model.safetensors'), 1000)
    for (let run = 0; run < times; run++) {
      const { code, stderr } = await framewright(folder, ['generate', prompt, '-m', model, '-o', 'cut.mp4'])
      expect(stderr).toMatch(/^error: .*diffusion_pytorch_model\.safetensors: expected .*\n$/)
      expect(code).toBe(1)
    }
  })

  test.each([
    ['an engine that is disposed at once', 'await engine[Symbol.asyncDispose]()', 0],
    ['an engine whose process exits at once', 'process.exit(3)', 3],
    ['an engine whose process fails at once', 'throw new Error("failed")', 1],
  ])('of %s', async (_, end, code) => {
    for (let run = 0; run < times; run++) expect(await ended(end, (150 * run) / times)).toBe(code)
  })
})

/** How a process ends that begins a video, and then does something. */
async function ended(then: string, afterMs: number): Promise<number | string | null | undefined> {
  const source = `
    import { setTimeout as wait } from 'node:timers/promises'
    import { createEngine } from './dist/src/index.js'
    const engine = await createEngine({ model: ${JSON.stringify(builtIn)}, threads: 1 })
    const events = engine.generate({ prompt: 'a red ball', steps: 1, frames: 5 })
    await events.next()
    events.next().catch(() => {})
    await wait(${afterMs})
    ${then}
  `
  return await new Promise(resolve => {
    const child = execFile(process.execPath, ['--input-type=module', '-'], { cwd: root }, error =>
      resolve(error ? (error.code ?? error.signal) : 0),
    )
    child.stdin!.end(source)
  })
}
