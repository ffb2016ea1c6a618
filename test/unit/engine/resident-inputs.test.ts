import { onnx } from 'onnx-proto'
import { expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { ltxTransformerConfig } from '../../../models/ltx/config.ts'
import { ltxContext } from '../../../models/ltx/context.ts'
import { ltxPublished } from '../../../models/ltx/published.ts'
import { ltxTransformer } from '../../../models/ltx/transformer.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { graphSource } from '../../../src/engine/graph-source.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'
import type { GraphTarget } from '../../../src/runtime/backend.ts'

const checkpoint = await openCheckpoint('models/doodle/checkpoint', families)
const source = graphSource(checkpoint, { device: { type: 'cpu' }, requested: undefined })

/** Names of what the graph of the prompt gives, and of what the transformer takes of that. */
async function handedOver(target: GraphTarget | undefined) {
  const [context, transformer] = await Promise.all(
    ['context', 'transformer'].map(async name => {
      return onnx.ModelProto.decode((await source.load(name, target)).bytes).graph!
    }),
  )
  const given = context!.output!.map(({ name }) => name!)
  const taken = transformer!.input!.map(({ name }) => name!)
  return { given, taken: given.filter(name => taken.includes(name)) }
}

test('a backend that sends residents in every run is handed embeddings alone', async () => {
  const embedding = ['text.embedding']
  expect(await handedOver({ residentsInPlace: false })).toEqual({ given: embedding, taken: embedding })
})

test.each([{ residentsInPlace: true }, undefined])(
  'one that does not, as a CPU, is handed the keys and values of every layer (%o)',
  async target => {
    const { given, taken } = await handedOver(target)
    const { num_layers: layers } = checkpoint.configs.components.transformer as { num_layers: number }
    expect(given).toHaveLength(2 * layers)
    expect(given.slice(0, 2)).toEqual(['blocks.0.attn2.text.key', 'blocks.0.attn2.text.value'])
    expect(taken).toEqual(given)
    const planned = await source.graph('context')
    expect(planned.outputs.map(({ name }) => name)).toEqual(given)
  },
)

/** Bytes of what a pass of the published LTX-Video 0.9.7 is fed of a prompt of 256 tokens. */
function fedOfPrompt(target: GraphTarget): number {
  const { components } = ltxPublished.find(({ name }) => name === 'ltx-video-0.9.7')!
  const config = ltxTransformerConfig.parse(components.transformer)
  let bytes = 0
  wantedTensors(weights => {
    const given = ltxContext(config, weights, 'bf16', target).outputs
    const { inputs } = ltxTransformer(config, weights, 'bf16', target)
    const taken = inputs.filter(input => given.some(({ name }) => name === input.name))
    expect(taken.map(({ name }) => name)).toEqual(given.map(({ name }) => name))
    bytes = taken.reduce((sum, { shape }) => sum + 4 * 256 * Number(shape.at(-1)), 0)
  })
  return bytes
}

test('what is sent for a prompt in every pass does not grow with the layers of the network', () => {
  expect(fedOfPrompt({ residentsInPlace: false })).toBe(4 * 256 * 4096)
  expect(fedOfPrompt({ residentsInPlace: true })).toBe(2 * 48 * 4 * 256 * 4096)
})
