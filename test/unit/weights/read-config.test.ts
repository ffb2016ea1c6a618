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
