/** Which of two networks makes a step: those of four steps with a shift of 3 are at 0.999, 0.9, 0.75 and 0.5. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tensor } from '../../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { keepSessionsOf } from '../../kept-backend.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { moved, writeSingleFileModel } from './single-file-model.ts'
import { collect, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const scratch = keepSessionsOf(scratchFolder())
const { transformer, encoder, vae } = await writeSingleFileModel(scratch)
const transformer2 = moved(transformer, scratch)
const files = { textEncoder: encoder, vae }

test.each([
  ['the checkpoint’s 0.875', undefined, [2, 2]],
  ['0.6', 0.6, [3, 1]],
  ['0', 0, [4, 0]],
  ['1', 1, [0, 4]],
] as const)('with a boundary of %s each runs its steps', async (_, boundary, expected) => {
  await using tiny = await openTinyEngine({ model: transformer, files: { ...files, transformer2 } })
  await collect(
    tiny.engine.generate({ ...tinyRequest, guidance: 1, ...(boundary !== undefined && { boundary }) }),
  )
  const runs = (graph: string) => tiny.backends.reduce((sum, backend) => sum + backend.runs(graph), 0)
  expect([runs('transformer'), runs('transformer_2')]).toEqual(expected)
})

test.each([
  ['the second', 0, ['guidance of expert 2', 'adapters of expert 2']],
  ['the first', 1, ['adapters of expert 1']],
  ['none', 0.6, []],
] as const)(
  'what is said for an expert that runs no step has no effect, and that is said: %s',
  async (_, boundary, unused) => {
    const tensors = new Map([
      ['diffusion_model.blocks.0.self_attn.q.diff_b', tensor('f32', [128], new Float32Array(128))],
    ])
    const path = join(scratch, 'adapter.safetensors')
    await writeSafetensors(path, tensors)
    const adapters = [{ path }, { path, expert: 1 }]
    await using tiny = await openTinyEngine({
      model: transformer,
      files: { ...files, transformer2 },
      adapters,
    })
    const request = { ...tinyRequest, guidance: [4, 3], boundary }
    const events = await collect(tiny.engine.generate(request))
    const notices = events.flatMap(event => (event.type === 'notice' ? [event] : []))
    expect(notices.filter(({ code }) => code === 'request/unused').map(({ message }) => message)).toEqual(
      unused.map(what => `${what}: no effect, as it runs none of the steps.`),
    )
  },
)

test('a boundary for a model of one network is refused', async () => {
  await using tiny = await openTinyEngine({ model: transformer, files })
  const error = await failure(collect(tiny.engine.generate({ ...tinyRequest, boundary: 0.5 })))
  expect(error).toMatchObject({
    code: 'request/unsupported',
    message: expect.stringMatching(/^boundary: expected a checkpoint with two experts/),
  })
})
