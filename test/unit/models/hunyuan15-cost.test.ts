/** What a step of the published HunyuanVideo 1.5 costs, by its equations. */
import { expect, test } from 'vitest'
import { hunyuanTransformerConfig } from '../../../models/hunyuan15/config.ts'
import { hunyuanTransformer } from '../../../models/hunyuan15/transformer.ts'
import { graphCost } from '../../../src/graph/cost.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'

/** 480p, 121 frames: latents of 31 × 30 × 53, and a prompt of 200 tokens with 20 of glyphs. */
const clip = { batch: 1, frames: 31, height: 30, width: 53, text: 200, glyph: 20, image: 0 }

test('a step at 480p takes the FLOPs of its matrix products and attentions', () => {
  const config = hunyuanTransformerConfig.parse({})
  let graph: Graph | undefined
  const weights = wantedTensors(source => {
    graph = hunyuanTransformer(config, source, 'bf16', { meanflow: false })
  })
  const [model, blocks] = [2048, 54]
  const video = 31 * 30 * 53
  const context = clip.text + clip.glyph
  const product = (rows: number, from: number, to: number) => 2 * rows * from * to
  const attention = (tokens: number) => 4 * tokens * tokens * model
  // Queries, keys, values and their projection; two layers four times as wide; six modulations.
  const stream = (rows: number) => 12 * product(rows, model, model) + product(1, model, 6 * model)
  const block = stream(video) + stream(context) + attention(video + context)
  const refiner =
    product(clip.text, 3584, model) +
    2 * (12 * product(clip.text, model, model) + attention(clip.text) + product(1, model, 2 * model))
  const embeddings =
    product(video, 65, model) +
    product(video, model, 32) +
    2 * (product(1, 256, model) + product(1, model, model)) +
    (product(1, 3584, model) + product(1, model, model)) +
    product(1, model, 2 * model)
  expect(graphCost(graph!, clip).flops).toBe(blocks * block + refiner + embeddings)
  expect(weights.size).toBeGreaterThan(1700)
})
