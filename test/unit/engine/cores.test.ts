import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import type { EngineOptions } from '../../../src/engine/engine.ts'
import { openEngine } from '../../../src/engine/open-engine.ts'
import { fixture } from '../../fixtures.ts'
import { KeptBackend } from '../../kept-backend.ts'
import { collect, tinyRequest } from './tiny-engine.ts'

const cores = availableParallelism()

/** The notices of a video, and the threads of the lanes that made it. */
async function made(options: Partial<EngineOptions>) {
  const threads: number[] = []
  await using engine = await openEngine(
    { model: fixture('wan21-t2v/model'), device: 'cpu', ...options },
    {
      families,
      createBackend: lane => {
        threads.push(lane.threads)
        return new KeptBackend(lane)
      },
    },
  )
  const events = await collect(engine.generate({ ...tinyRequest, steps: 1 }))
  const notices = events.flatMap(event => (event.type === 'notice' ? [`${event.code} ${event.message}`] : []))
  return { threads, notices }
}

const capped = (subject: string) =>
  `machine/capped ${subject}: ${cores} are used, the cores of this machine, of the 1000 asked for.`

test('more threads than cores are not started, and that is said once', async () => {
  expect(await made({ threads: 1000 })).toEqual({ threads: [cores], notices: [capped('threads')] })
})

test('more lanes than cores are not opened on a CPU, and share its cores', async () => {
  expect(await made({ lanes: 1000 })).toEqual({ threads: [1], notices: [capped('lanes')] })
  expect(await made({ lanes: 1000, threads: 1000 })).toEqual({
    threads: [1],
    notices: [capped('lanes'), capped('threads')],
  })
})

test('as many threads as cores are used as asked', async () => {
  expect(await made({ threads: 1 })).toEqual({ threads: [1], notices: [] })
  expect(await made({ threads: cores })).toEqual({ threads: [cores], notices: [] })
})
