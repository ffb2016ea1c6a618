/** Videos that are made and written at the same time. */
import { readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { renderVideo } from '../../../src/engine/render.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { openTinyEngine, tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
const about = { model: 'tiny', version: '0' }

test('what encodes a file is loaded while the run is on its way to its first frames', async () => {
  await using tiny = await openTinyEngine()
  const output = { path: path.join(scratch, 'clip.mp4'), ...about }
  const files: Record<string, number> = {}
  for await (const { type } of renderVideo(tiny.engine, { ...tinyRequest, steps: 1 }, output)) {
    files[type] ??= readdirSync(scratch).length
  }
  // The run does not wait for the file; its frames do.
  expect(files).toMatchObject({ start: 0, 'frames-decoded': 1, 'video-written': 1 })
  expect(readdirSync(scratch)).toEqual(['clip.mp4'])
})

test('a file that cannot be written ends the run before its first step', async () => {
  await using tiny = await openTinyEngine()
  writeFileSync(path.join(scratch, 'file'), '')
  const output = { path: path.join(scratch, 'file', 'clip.mp4'), ...about }
  const types: string[] = []
  const error = await failure(
    (async () => {
      for await (const { type } of renderVideo(tiny.engine, tinyRequest, output)) {
        types.push(type)
        for (const backend of tiny.backends) backend.onRun = () => new Promise(end => setTimeout(end, 100))
      }
    })(),
  )
  expect(error.code).toBe('media/output')
  expect(types).toEqual(['start'])
  await tiny.engine.settled()
  expect(tiny.backends[0]!.runs('transformer')).toBe(0)
})
