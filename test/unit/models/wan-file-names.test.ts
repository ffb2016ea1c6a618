import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { transformerNames, vaeNames } from '../../../models/wan/file-names.ts'
import { wanOriginalNames } from '../../../models/wan/original-names.ts'
import type { Renames } from '../../../src/weights/rename-tensors.ts'
import { fixture, hasFixture } from '../../fixtures.ts'
import { publishedComponents } from '../../published.ts'

const rename = (key: string, names: Renames) =>
  names.reduce((each, [pattern, to]) => each.replace(pattern, to), key)

const transformers = ['wan-t2v-1.3b', 'wan-flf2v-14b-720p', 'wan-vace-1.3b', 'wan2.2-ti2v-5b'].filter(name =>
  hasFixture(`published/${name}.json`),
)

test.each(transformers)('every tensor of %s has its name back from its makers’', name => {
  const keys = Object.keys(publishedComponents(name).transformer!.tensors)
  for (const key of keys) expect(rename(rename(key, wanOriginalNames), transformerNames)).toBe(key)
})

test('the names of the Wan 2.1 VAE become those of diffusers', () => {
  const file = readFileSync(fixture('published/wan21-vae-original-names.json'), 'utf8')
  const original = JSON.parse(file) as string[]
  const names = original.map(key => rename(key, vaeNames))
  expect(names.sort()).toEqual(Object.keys(publishedComponents('wan21-vae').vae!.tensors).sort())
})
