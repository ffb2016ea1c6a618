/** Weights files that are written to, replaced or removed while a model is open. */
import {
  copyFileSync,
  cpSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { FileStamp } from '../../../src/weights/file-stamp.ts'
import { mappedFiles } from '../../../src/weights/mapped-files.ts'
import { readSafetensorsHeader } from '../../../src/weights/read-header.ts'
import { readTensor } from '../../../src/weights/read-tensor.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { fixture } from '../../fixtures.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { collect, framesOf, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
let models = 0

function copyOfModel() {
  const folder = join(scratch, `model-${models++}`)
  cpSync(fixture('wan21-t2v/model'), folder, { recursive: true, dereference: true })
  const weights = (part: string) =>
    join(folder, part, part === 'text_encoder' ? 'model.safetensors' : 'diffusion_pytorch_model.safetensors')
  const [transformer, vae] = [weights('transformer'), weights('vae')]
  const files = { 'text-encoder': weights('text_encoder'), transformer, 'vae-decoder-first': vae }
  return { folder, transformer, vae, files }
}

const later = new Date(Date.now() + 60_000)

describe('a weights file that is changed before it is mapped', () => {
  test.each<[string, (file: string) => void, RegExp]>([
    ['cut', file => truncateSync(file, 1000), /got 1000 bytes instead of \d+\. Open the model again/],
    ['written to', file => utimesSync(file, later, later), /got other bytes: it was written to\./],
    [
      'replaced by one of the same size and time',
      file => {
        copyFileSync(file, `${file}.new`)
        renameSync(`${file}.new`, file)
      },
      /got another file, of \d+ bytes\./,
    ],
  ])('and %s ends the request with one clear error', async (_, change, message) => {
    const { folder, vae } = copyOfModel()
    await using tiny = await openTinyEngine({ model: folder })
    change(vae)
    const error = await failure(collect(tiny.engine.generate(tinyRequest)))
    expect(error).toMatchObject({ code: 'checkpoint/changed', name: 'CheckpointError' })
    expect(error.message).toMatch(`${vae}: expected the file as it was when the model was opened,`)
    expect(error.message).toMatch(message)
    expect(tiny.backends.flatMap(({ log }) => log)).toEqual([])
  })

  test('and is one of several shards is named', async () => {
    const { folder, transformer } = copyOfModel()
    const { tensors } = await readSafetensorsHeader(transformer)
    const stored = await Promise.all(
      [...tensors].map(async ([key, location]) => [key, await readTensor(location)] as const),
    )
    const half = stored.length >> 1
    const shards = [stored.slice(0, half), stored.slice(half)].map((own, index) => {
      return { name: `diffusion_pytorch_model-0000${index + 1}-of-00002.safetensors`, own }
    })
    for (const { name, own } of shards)
      await writeSafetensors(join(folder, 'transformer', name), new Map(own))
    rmSync(transformer)
    const weight_map = Object.fromEntries(shards.flatMap(({ name, own }) => own.map(([key]) => [key, name])))
    writeFileSync(`${transformer}.index.json`, JSON.stringify({ metadata: {}, weight_map }))
    await using tiny = await openTinyEngine({ model: folder })
    const second = join(folder, 'transformer', shards[1]!.name)
    const error = await failure(
      (async () => {
        for await (const event of tiny.engine.generate(tinyRequest))
          if (event.type === 'step-end') utimesSync(second, later, later)
      })(),
    )
    expect(error.code).toBe('checkpoint/changed')
    expect(error.message).toContain(second)
  })

  test('and removed ends the request when it is needed', async () => {
    const { folder, vae } = copyOfModel()
    await using tiny = await openTinyEngine({ model: folder })
    rmSync(vae)
    const error = await failure(collect(tiny.engine.generate(tinyRequest)))
    expect(error).toMatchObject({ code: 'checkpoint/changed' })
    expect(error.message).toMatch(
      `${vae}: expected the file as it was when the model was opened, got no file`,
    )
  })
})

describe('a weights file that is changed while it is mapped', () => {
  test('and written to ends the run before the next step is told of', async () => {
    const { folder, transformer } = copyOfModel()
    await using tiny = await openTinyEngine({ model: folder })
    const events = tiny.engine.generate(tinyRequest)
    const error = await failure(
      (async () => {
        for await (const event of events) if (event.type === 'step-end') utimesSync(transformer, later, later)
      })(),
    )
    expect(error.code).toBe('checkpoint/changed')
    expect(error.message).toContain(transformer)
    expect(tiny.backends[0]!.runs('transformer')).toBeLessThan(2 * tinyRequest.steps)
  })

  test.each([
    ['text-encoder', 'conditioning-ready'],
    ['transformer', 'step-end'],
    ['vae-decoder-first', 'frames-decoded'],
  ] as const)('and written to during a run of %s gives nothing of what was made', async (graph, made) => {
    const { folder, files } = copyOfModel()
    const promptCache = join(folder, 'prompts')
    await using tiny = await openTinyEngine({ model: folder, promptCache }, backend => {
      backend.onRun = running => {
        if (running === graph) utimesSync(files[graph], later, later)
      }
    })
    const types: string[] = []
    const error = await failure(
      (async () => {
        for await (const event of tiny.engine.generate(tinyRequest)) types.push(event.type)
      })(),
    )
    expect(error).toMatchObject({ code: 'checkpoint/changed' })
    expect(error.message).toContain(files[graph])
    expect(types).not.toContain(made)
    expect(readdirSync(promptCache)).toHaveLength(graph === 'text-encoder' ? 0 : 2)
  })

  test('and written to during a run that fails is told of in place of the failure', async () => {
    const { folder, transformer } = copyOfModel()
    await using tiny = await openTinyEngine({ model: folder }, backend => {
      backend.onRun = running => {
        if (running !== 'transformer') return
        utimesSync(transformer, later, later)
        throw new Error('the run failed')
      }
    })
    const error = await failure(collect(tiny.engine.generate(tinyRequest)))
    expect(error).toMatchObject({ code: 'checkpoint/changed' })
  })

  test('and written to in a pause is told of before anything reads it', async () => {
    const { folder, transformer } = copyOfModel()
    await using tiny = await openTinyEngine({ model: folder })
    let runs = 0
    const error = await failure(
      (async () => {
        for await (const event of tiny.engine.generate(tinyRequest)) {
          if (event.type !== 'step-end') continue
          runs = tiny.backends[0]!.runs('transformer')
          utimesSync(transformer, later, later)
          await setTimeout(100)
        }
      })(),
    )
    expect(error.code).toBe('checkpoint/changed')
    expect(tiny.backends[0]!.runs('transformer')).toBe(runs)
  })

  test('and replaced or removed leaves the run as it is, and ends the next one', async () => {
    const { folder, transformer } = copyOfModel()
    await using tiny = await openTinyEngine({ model: folder })
    const plain = framesOf(await collect(tiny.engine.generate(tinyRequest)))
    copyFileSync(transformer, `${transformer}.new`)
    truncateSync(`${transformer}.new`, 100)
    const events = []
    for await (const event of tiny.engine.generate(tinyRequest)) {
      events.push(event)
      if (event.type === 'step-end' && event.step === 1) renameSync(`${transformer}.new`, transformer)
    }
    expect(framesOf(events).equals(plain)).toBe(true)
    const error = await failure(collect(tiny.engine.generate(tinyRequest)))
    expect(error.message).toMatch(
      `${transformer}: expected the file as it was when the model was opened, got another`,
    )
  })

  test('is told of before it is mapped', async () => {
    const { folder, transformer, vae } = copyOfModel()
    const seen: string[] = []
    const listener = (stamp: unknown) => void seen.push((stamp as FileStamp).path)
    mappedFiles.subscribe(listener)
    try {
      await using tiny = await openTinyEngine({ model: folder })
      expect(seen).toEqual([])
      await collect(tiny.engine.generate(tinyRequest))
    } finally {
      mappedFiles.unsubscribe(listener)
    }
    expect(new Set(seen)).toContain(transformer)
    expect(new Set(seen)).toContain(vae)
  })
})
