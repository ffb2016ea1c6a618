import { expect, test } from 'vitest'
import { z } from 'zod'
import { checkFit } from '../../../src/weights/check-fit.ts'
import { readConfig } from '../../../src/weights/read-config.ts'

const schema = z.object({ width: z.number() })
const components = { transformer: { width: 'wide' }, vae: { _class_name: 'Other', width: 4 } }
const folder = { folder: '/models/a', components, index: {} }
const files = { transformer: '/files/a.safetensors', vae: '/files/vae.safetensors' }
const singleFiles = { folder: files.transformer, files, components, index: {} }

test.each([
  [
    'a folder',
    folder,
    '/models/a/transformer/config.json',
    '/models/a/vae/config.json',
    '/models/a/model_index.json',
  ],
  [
    'single files',
    singleFiles,
    '/files/a.safetensors: transformer',
    '/files/vae.safetensors: vae',
    '/files/a.safetensors',
  ],
])('errors about configs of %s name what tells them', (_, checkpoint, transformer, vae, index) => {
  const failing = (work: () => unknown, subject: string) =>
    expect(work).toThrow(
      expect.objectContaining({
        code: 'checkpoint/config',
        message: expect.stringMatching(new RegExp(`^${subject}: expected `)),
      }),
    )
  failing(() => readConfig(schema, checkpoint, 'transformer'), `${transformer} width`)
  failing(() => readConfig(schema, checkpoint, 'vae', { classes: ['Coder'] }), `${vae} _class_name`)
  failing(() => readConfig(schema, checkpoint, 'text_encoder'), `${index} text_encoder`)
  failing(
    () => checkFit(checkpoint, [['vae', 'width', 4, 8, 'the width of the transformer']]),
    `${vae} width`,
  )
})

test.each([
  [{ heads: 6 }, 'heads: expected a multiple of 4, the groups of its norms, got 6. '],
  [{ axes: [1, 2] }, 'axes: expected at least 3 entries, one a block, got [1,2]. '],
  [{ layers: [8] }, 'layers: expected a valid one, got has to be empty: attention is not built. '],
  [{ layers: 8 }, 'layers: expected a list, got 8. '],
])('the words of a schema say what is wrong with a config: %j', (config, message) => {
  const worded = z.object({
    heads: z.number().multipleOf(4, 'expected a multiple of 4, the groups of its norms').optional(),
    axes: z
      .array(z.number())
      .superRefine((axes, context) => {
        if (axes.length < 3)
          context.addIssue({
            code: 'custom',
            message: `expected at least 3 entries, one a block, got ${axes.length}`,
          })
      })
      .optional(),
    layers: z.array(z.number()).max(0, 'has to be empty: attention is not built').optional(),
  })
  const checkpoint = { folder: '/models/a', index: {}, components: { vae: config } }
  expect(() => readConfig(worded, checkpoint, 'vae')).toThrow(
    expect.objectContaining({ message: expect.stringContaining(`/models/a/vae/config.json ${message}`) }),
  )
})
