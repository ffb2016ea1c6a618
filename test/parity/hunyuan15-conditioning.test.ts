/** Token ids, masks and embeddings of HunyuanVideo 1.5 against diffusers. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { families } from '../../models/index.ts'
import { openCheckpoint } from '../../src/engine/checkpoint.ts'
import { graphSource } from '../../src/engine/graph-source.ts'
import { memoize } from '../../src/memoize.ts'
import type { RunGraph } from '../../src/pipeline/family.ts'
import type { tensor } from '../../src/tensor/tensor.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture, isFixture } from '../fixtures.ts'
import { type GraphRunner, graphRunner } from '../graph-session.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'

const runGraph = graphRunner()

const cases = ['hunyuan15-t2v', 'hunyuan15-i2v'].flatMap(folder =>
  [1, 2, 3, 4]
    .filter(
      number => hasFixture(`${folder}/model/model_index.json`) && isFixture(`${folder}/case-${number}.json`),
    )
    .map(number => ({ folder, name: `case-${number}` })),
)

describe('text as the transformer sees it', () => {
  if (cases.length === 0) test.skip('the references are not here')

  test.each(cases)('has the ids, masks and embeddings of $folder $name', async ({ folder, name }) => {
    const { call } = JSON.parse(readFileSync(`${fixture(folder)}/${name}.json`, 'utf8')) as {
      call: { prompt: string; negative_prompt?: string }
    }
    const reference = readFixtureTensors(`${fixture(folder)}/${name}.safetensors`)
    const prompts = [
      ['', call.prompt],
      ...(reference.has('negative_input_ids') ? [['negative_', call.negative_prompt ?? '']] : []),
    ] as [string, string][]
    for (const [prefix, prompt] of prompts) {
      const seen = await conditionedOn(path.join(fixture(folder), 'model'), prompt)
      for (const [suffix, ours, length] of [
        ['', seen.text, 1108],
        ['_2', seen.glyph, 256],
      ] as const) {
        const ids = reference.get(`${prefix}input_ids${suffix}`)
        expect(ours !== undefined, `${prefix}${suffix}`).toBe(ids !== undefined)
        if (!ours || !ids) continue
        const mask = [...reference.get(`${prefix}attention_mask${suffix}`)!.data].map(Number)
        const count = mask.filter(Boolean).length
        expect(mask).toEqual(Array.from({ length }, (_, at) => Number(at < count)))
        expect(ours.ids).toEqual([...ids.data].map(Number).slice(0, count))
        const embeddings = reference.get(`${prefix}prompt_embeds${suffix}`)!
        expect(ours.embeddings.shape).toEqual(embeddings.shape)
        const [actual, expected] = [ours.embeddings.data, embeddings.data] as [Float32Array, Float32Array]
        expect(relativeError(actual, expected)).toBeLessThan(1e-4)
      }
    }
  })
})

const sourceOf = memoize(async (folder: string) => {
  const checkpoint = await openCheckpoint(folder, families)
  return { checkpoint, source: graphSource(checkpoint, { device: { type: 'cpu' }, requested: undefined }) }
})

/** What the encoders are given and what the transformer gets of it. */
async function conditionedOn(folder: string, prompt: string) {
  const { checkpoint, source } = await sourceOf(folder)
  const given: Record<string, number[]> = {}
  const states: Record<string, ReturnType<typeof tensor>> = {}
  const run: RunGraph = async (name, feeds) => {
    const { ids, states: encoded } = feeds as Record<string, ReturnType<typeof tensor>>
    if (ids) given[name] = [...(ids.data as BigInt64Array)].map(Number)
    if (encoded) {
      states[name] = encoded
      const glyph = { kind: 'resident', id: 0, dtype: 'f32', shape: [1, encoded.shape[1]!, 32] } as const
      return { tensors: {}, residents: { glyph } }
    }
    const graph = await source.graph(name)
    return { tensors: await runGraph(graph, feeds as Parameters<GraphRunner>[1]), residents: {} }
  }
  const [made] = await checkpoint.model.conditionText(
    { prompts: [prompt], textTokens: 1000, keyMultiple: 1 },
    run,
  )
  const glyph = states['glyph-context']
  return {
    text: { ids: given['text-encoder']!, embeddings: made!.feeds[0]!.text as ReturnType<typeof tensor> },
    // The encoder's ids are padded to what its kernels take.
    glyph: glyph && { ids: given['glyph-encoder']!.slice(0, glyph.shape[1]), embeddings: glyph },
  }
}
