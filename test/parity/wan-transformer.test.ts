import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { wanTransformerConfig } from '../../models/wan/config.ts'
import { wanContext } from '../../models/wan/context.ts'
import { wanTransformer } from '../../models/wan/transformer.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { runGraph } from '../graph-session.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { wanFeeds } from '../wan-feeds.ts'

const cases = ['wan21-t2v', 'wan22-ti2v-5b', 'wan21-t2v-bf16'].filter(name =>
  hasFixture(`${name}/case-1.json`),
)

const targets = [{}, { residentsInPlace: true }]
const runs = cases.flatMap(name => targets.map(target => ({ name, target })))

test.each(runs)(
  'the transformer of $name for $target gives the velocity that diffusers gives',
  async ({ name, target }) => {
    const folder = fixture(`${name}/model/transformer`)
    const config = wanTransformerConfig.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
    const weights = await openWeights(folder)
    const reference = readFixtureTensors(fixture(`${name}/case-1.safetensors`))
    const latents = reference.get('step_000.model_input')!
    const ledger = new WeightLedger(weights)
    const context = wanContext(config, ledger.graph('context'), 'f32', target)
    const transformer = wanTransformer(config, ledger.graph('transformer'), 'f32', target)
    ledger.assertAllUsed()

    const timestep = Number(reference.get('step_000.timestep')!.data[0])
    const seen = await runGraph(context, { text: reference.get('prompt_embeds')! })
    const result = await runGraph(transformer, {
      ...seen,
      ...wanFeeds(config, latents, timestep),
    })
    const expected = reference.get('step_000.noise_pred_cond')!
    expect(relativeError(result.velocity!.data as Float32Array, expected.data as Float32Array)).toBeLessThan(
      1e-5,
    )
  },
)
