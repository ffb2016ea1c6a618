import path from 'node:path'
import { expect, test } from 'vitest'
import { renderVideo } from '../../../src/engine/render.ts'
import { readRecord } from '../../../src/media/read-record.ts'
import { scratchFolder } from '../../scratch.ts'
import { openTinyEngine, tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()

test.each(['int8', undefined] as const)(
  'a file says what was asked for as its precision: %s',
  async precision => {
    await using tiny = await openTinyEngine(precision ? { precision } : {})
    const output = { path: path.join(scratch, `${precision}.gif`), model: 'tiny', version: '0' }
    for await (const _ of renderVideo(tiny.engine, { ...tinyRequest, steps: 1 }, output));
    expect((await readRecord(output.path))!.precision).toBe(precision)
  },
)
