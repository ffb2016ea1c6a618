import { expect, test } from 'vitest'
import { Catalogue } from '../../../src/server/models/catalogue.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { moved, writeSingleFileModel } from '../engine/single-file-model.ts'

const scratch = scratchFolder()
const { comfy, transformer, encoder, vae } = await writeSingleFileModel(scratch)

test('a model of single files answers to the name of its file, with what it can do', async () => {
  const catalogue = await Catalogue.open({ models: [transformer] })
  expect(catalogue.checkpoints).toEqual([transformer])
  expect(catalogue.aliases).toEqual(['t2v'])
  expect(catalogue.knows('t2v')).toBe(true)
  expect(catalogue.modelFor('t2v')).toMatchObject({ checkpoint: transformer, modes: ['text', 'video'] })
})

test('its other files are those that are named, or in the folder of models', async () => {
  const alone = moved(transformer, scratch)
  const files = { textEncoder: encoder, vae }
  expect((await Catalogue.open({ models: [alone], files })).checkpoints).toEqual([alone])
  const found = await Catalogue.open({ models: [alone], files: { modelsFolder: comfy } })
  expect(found.checkpoints).toEqual([alone])
  const wrong = Catalogue.open({ models: [alone], files: { textEncoder: encoder, vae: encoder } })
  expect((await failure(wrong)).message).toMatch(/expected a Wan VAE/)
})

test('beside a model in a folder, which holds its own parts', async () => {
  const models = ['doodle', moved(transformer, scratch)]
  const catalogue = await Catalogue.open({ models, files: { textEncoder: encoder, vae } })
  expect(catalogue.checkpoints).toEqual(models)
  const unused = await failure(Catalogue.open({ models: ['doodle'], files: { vae } }))
  expect(unused.message).toMatch(/^vae: expected none beside .+doodle.+, a folder that holds its parts, got /)
})

test('two files of one name have no short name', async () => {
  const models = [moved(transformer, scratch), moved(transformer, scratch)]
  const catalogue = await Catalogue.open({ models, files: { modelsFolder: comfy } })
  expect(catalogue.aliases).toEqual([])
})
