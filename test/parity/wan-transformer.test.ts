import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { wanTransformerConfig } from '../../models/wan/config.ts'
import { wanContext } from '../../models/wan/context.ts'
import { wanTransformer } from '../../models/wan/transformer.ts'
import { rotaryTables } from '../../src/geometry/rotary.ts'
import { reshaped, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { runGraph } from '../graph-session.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'

const cases = ['wan21-t2v', 'wan22-ti2v-5b', 'wan21-t2v-bf16'].filter(name =>
  hasFixture(`${name}/case-1.json`),
)

test.each(cases)('the transformer of %s gives the velocity that diffusers gives', async name => {
  const folder = fixture(`${name}/model/transformer`)
  const config = wanTransformerConfig.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
  const weights = await openWeights(folder)
  const reference = readFixtureTensors(fixture(`${name}/case-1.safetensors`))
  const latents = reference.get('step_000.model_input')!
  const ledger = new WeightLedger(weights)
  const context = wanContext(config, ledger.graph('context'), 'f32')
  const transformer = wanTransformer(config, ledger.graph('transformer'), 'f32')
  ledger.finish()

  const [batch, channels, t, h, w] = latents.shape as [number, number, number, number, number]
  const [pt, ph, pw] = config.patch_size
  const grid = { frames: t / pt, height: h / ph, width: w / pw, tokens: (t * h * w) / (pt * ph * pw) }
  const rotary = rotaryTables({ grid, headDim: config.attention_head_dim })
  const half = config.attention_head_dim / 2
  const timestep = Number(reference.get('step_000.timestep')!.data[0])
  const keysAndValues = await runGraph(context, { text: reference.get('prompt_embeds')! })
  const contextFeeds = keysAndValues
  const result = await runGraph(transformer, {
    ...contextFeeds,
    latents: reshaped(latents, [batch, channels, grid.frames, pt, grid.height, ph, grid.width, pw]),
    timestep: tensor('f32', [1, grid.frames], new Float32Array(grid.frames).fill(timestep)),
    'text.bias': tensor('f32', [1, 512], new Float32Array(512)),
    'rotary.cos': tensor('f32', [1, grid.tokens, half], rotary.cos),
    'rotary.sin': tensor('f32', [1, grid.tokens, half], rotary.sin),
  })
  const expected = reference.get('step_000.noise_pred_cond')!
  expect(relativeError(result.velocity!.data as Float32Array, expected.data as Float32Array)).toBeLessThan(
    1e-5,
  )
})
