import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { relativePositionBuckets } from '../../models/t5/encoder.ts'
import { umt5Config } from '../../models/umt5/config.ts'
import { umt5Encoder } from '../../models/umt5/encoder.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { graphRunner } from '../graph-session.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'

const runGraph = graphRunner()
const atHand = hasFixture('modules/text-umt5/reference.safetensors')

test.skipIf(!atHand).each([24, 256])(
  'the encoder gives the hidden states of transformers at %d tokens',
  async length => {
    const folder = fixture('modules/text-umt5')
    const config = umt5Config.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
    const ledger = new WeightLedger(await openWeights(folder, 'model'))
    const graph = umt5Encoder(config, ledger.graph('encoder'), 'f32')
    ledger.assertAllUsed()
    const reference = readFixtureTensors(`${folder}/reference.safetensors`)
    const mask = reference.get(`length_${length}.attention_mask`)!
    for (const [suffix, values] of [
      ['last_hidden_state', Float32Array.from(mask.data as BigInt64Array, Number)],
      ['last_hidden_state_no_mask', new Float32Array(mask.data.length).fill(1)],
    ] as const) {
      const { embeddings } = await runGraph(graph, {
        ids: reference.get(`length_${length}.input_ids`)!,
        mask: tensor('f32', mask.shape, values),
        buckets: tensor('i64', [length, length], relativePositionBuckets(length, config)),
      })
      const expected = reference.get(`length_${length}.${suffix}`)!
      expect(relativeError(embeddings!.data as Float32Array, expected.data as Float32Array)).toBeLessThan(
        1e-5,
      )
    }
  },
)
