import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { ComponentFiles } from '../../../src/engine/component-files.ts'
import { openPromptCache } from '../../../src/engine/prompt-cache.ts'
import { dropNotices } from '../../../src/notices.ts'
import type { RunGraph } from '../../../src/pipeline/family.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { openWeights } from '../../../src/weights/checkpoint.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { fixture } from '../../fixtures.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { collect, framesOf, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
let count = 0
const newFolder = () => path.join(scratch, `cache-${count++}`)

/** What text says is in a picture that one step makes. */
const shortest = { frames: 1, steps: 1 }

/** A video by an engine of its own, and how often that ran the text encoder. */
async function makeVideo(promptCache: string, request = {}, model = fixture('wan21-t2v/model')) {
  await using tiny = await openTinyEngine({ promptCache, model })
  const frames = framesOf(await collect(tiny.engine.generate({ ...tinyRequest, ...shortest, ...request })))
  return { frames, encoded: tiny.backends[0]!.runs('text-encoder'), log: tiny.backends[0]!.log }
}

describe('an engine with a prompt cache', () => {
  test('makes the same video without the text encoder when it has encoded the prompt before', async () => {
    const folder = newFolder()
    const first = await makeVideo(folder)
    expect(first.encoded).toBe(2) // the prompt, and the negative one
    const again = await makeVideo(folder)
    expect(again.log).not.toContain('open text-encoder')
    expect(again.frames).toEqual(first.frames)
  })

  test('needs no text encoder for another seed, and one for another prompt', async () => {
    const folder = newFolder()
    const first = await makeVideo(folder)
    const seed = await makeVideo(folder, { seed: 2 })
    expect(seed.encoded).toBe(0)
    expect(seed.frames).not.toEqual(first.frames)
    expect((await makeVideo(folder, { prompt: 'a dog' })).encoded).toBe(1)
  })

  test('encodes anew with other weights of the encoder, and knows the same ones in another place', async () => {
    const folder = newFolder()
    await makeVideo(folder)
    const model = path.join(scratch, 'moved')
    cpSync(fixture('wan21-t2v/model'), model, { recursive: true })
    expect((await makeVideo(folder, {}, model)).encoded).toBe(0)
    const file = path.join(model, 'text_encoder/model.safetensors')
    const bytes = readFileSync(file)
    const at = bytes.length - 4
    bytes.writeFloatLE(bytes.readFloatLE(at) + 1, at)
    writeFileSync(file, bytes)
    expect((await makeVideo(folder, {}, model)).encoded).toBe(2)
  })

  test('makes an entry again that cannot be read', async () => {
    const folder = newFolder()
    const first = await makeVideo(folder)
    for (const name of readdirSync(folder)) writeFileSync(path.join(folder, name), 'cut')
    const again = await makeVideo(folder)
    expect(again.encoded).toBe(2)
    expect(again.frames).toEqual(first.frames)
    expect((await makeVideo(folder)).encoded).toBe(0)
  })

  test('says why a result could not be kept, and makes the video all the same', async () => {
    const folder = newFolder()
    await using tiny = await openTinyEngine({ promptCache: folder })
    rmSync(folder, { recursive: true })
    writeFileSync(folder, 'a file in its place')
    const events = await collect(tiny.engine.generate(tinyRequest))
    const said = events.flatMap(event => (event.type === 'notice' ? [event] : []))
    expect(said).toEqual([
      {
        type: 'notice',
        code: 'prompt/not-kept',
        message: `prompt cache ${folder}: what the text encoder gave could not be kept: expected a folder, got a file (ENOTDIR); it is encoded again the next time.`,
      },
    ])
    expect(framesOf(events)).toHaveLength(5 * 16 * 16 * 3)
  })

  test('says so where its folder cannot be made', async () => {
    const file = path.join(scratch, 'a-file')
    writeFileSync(file, '')
    const { code, message } = await failure(openTinyEngine({ promptCache: path.join(file, 'prompts') }))
    expect(code).toBe('media/output')
    expect(message).toMatch(
      /^prompt cache .*: expected a folder that can be made, got .*\. Name another folder/,
    )
  })
})

test('entries that were not used for longest go when all are beyond the limit', async () => {
  const folder = newFolder()
  const weightsFolder = path.join(scratch, 'weights')
  mkdirSync(weightsFolder)
  const values = tensor('f32', [2], Float32Array.of(1, 2))
  await writeSafetensors(path.join(weightsFolder, 'model.safetensors'), new Map([['w', values]]))
  const { Graph } = await import('../../../src/graph/graph.ts')
  const graph = new Graph('encoder', { precision: 'f32' })
  graph.output('states', graph.input('ids', 'f32', [1]))
  const weights = new Map([['text_encoder', await openWeights(weightsFolder)]])
  const source = {
    files: new ComponentFiles(() => weights, []),
    recipe: () => ({ name: 'encoder', component: 'text_encoder', role: 'text-encoder' as const }),
    graph: async () => graph,
  }
  let runs = 0
  const run: RunGraph = async () => {
    runs++
    return { tensors: { states: tensor('f32', [256], new Float32Array(256)) }, residents: {} }
  }
  // Room for two of three entries of about 1.1 kB.
  const cache = await openPromptCache(folder, { limit: 2500 })
  const remembering = cache.remembering(run, source as never, weights, dropNotices)
  const ask = (prompt: number) => remembering('encoder', { ids: tensor('f32', [1], Float32Array.of(prompt)) })
  await ask(1)
  const [oldest] = readdirSync(folder)
  utimesSync(path.join(folder, oldest!), 1, 1)
  await ask(2)
  await ask(3)
  expect(readdirSync(folder)).toHaveLength(2)
  expect(readdirSync(folder)).not.toContain(oldest)
  expect(readdirSync(folder).every(name => statSync(path.join(folder, name)).size > 1000)).toBe(true)
  await ask(3)
  expect(runs).toBe(3)
  await ask(1)
  expect(runs).toBe(4)
})
