/** Every family and mode against diffusers, in a clone alone: see test/fixtures/goldens/seeded/record.py. */
import { test } from 'vitest'
import { keepSessionsOf } from '../kept-backend.ts'
import { scratchFolder } from '../scratch.ts'
import { engineOfCase } from './engine-of-case.ts'
import { expectReference, seededCases } from './seeded-case.ts'

const scratch = keepSessionsOf(scratchFolder())
const engineOf = engineOfCase()

test.each(seededCases)(
  '$name: from prompt, inputs and seed, every step is what diffusers gives',
  async each => {
    await expectReference(each, engineOf, scratch)
  },
)
