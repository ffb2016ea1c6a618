/** Weights with elements that are no numbers: an error that names the tensor, in the place of a black video. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { failure, scratchFolder } from '../../scratch.ts'
import { brokenTensors, writeBrokenModel } from './broken-model.ts'
import { collect, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()

test.each(brokenTensors)(
  'no number in the weights of the %s is an error that names the tensor',
  async (...broken) => {
    const folder = join(scratch, broken[0])
    const message = await writeBrokenModel(folder, broken)
    await using tiny = await openTinyEngine({ model: folder })
    const error = await failure(collect(tiny.engine.generate({ ...tinyRequest, steps: 1 })))
    expect(error).toMatchObject({ code: 'checkpoint/tensors', name: 'CheckpointError', message })
  },
)
