/** A program of its own: from nothing to the first step of a video. Prints when it is there. */
import { createEngine, resolveModel } from '../src/index.ts'

const engine = await createEngine({ model: await resolveModel(), device: 'cpu' })
for await (const event of engine.generate({ prompt: 'a red ball moves to the right', seed: 1 })) {
  if (event.type !== 'step-end') continue
  console.log('first step')
  break
}
await engine[Symbol.asyncDispose]()
