import { expect, test } from 'vitest'
import { finalLatents, openTinyEngine, tinyRequest } from './tiny-engine.ts'

/** Keys of the biased attentions of a video, by input, and its latents. */
async function madeWith(keyMultiple: number) {
  const keys = { ids: new Set<number>(), 'text.bias': new Set<number>() }
  await using tiny = await openTinyEngine({}, backend => {
    backend.keyMultiple = keyMultiple
    backend.onRun = (_, feeds) => {
      for (const input of ['ids', 'text.bias'] as const) {
        if (feeds[input]) keys[input].add(feeds[input].shape[1]!)
      }
    }
  })
  const latents = await finalLatents(tiny.engine.generate({ ...tinyRequest, tensors: true }))
  return { keys, latents }
}

test('a prompt is padded to the multiple of keys that a backend takes, which changes nothing of the video', async () => {
  const [exact, padded] = [await madeWith(1), await madeWith(8)]
  // Of the prompt, and of the empty negative one.
  expect(exact.keys).toEqual({ ids: new Set([4, 1]), 'text.bias': new Set([5, 2]) })
  expect(padded.keys).toEqual({ ids: new Set([8]), 'text.bias': new Set([8]) })
  expect(padded.latents).toHaveLength(exact.latents.length)
  const furthest = Math.max(...exact.latents.map((value, index) => Math.abs(value - padded.latents[index]!)))
  expect(furthest).toBeLessThan(1e-4)
})
