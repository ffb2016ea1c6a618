import { families } from '../../../models/index.ts'
import { Graph } from '../../../src/graph/graph.ts'
import { concat, reshape, slice } from '../../../src/graph/ops/layout.ts'
import type { Family, GraphRecipe, SoundFacts } from '../../../src/pipeline/family.ts'

/** Of the sound that the models below make. */
export const soundRate = 8000

/** The families, whose models make a sound in stereo: two channels of the video's latents, again and again. */
export function soundingFamilies(copies: number): Family[] {
  return families.map(family => ({
    ...family,
    async load(checkpoint) {
      const model = await family.load(checkpoint)
      const channels = model.facts.latentChannels
      const sound: SoundFacts = {
        stream: 0,
        rate: soundRate,
        channels: 2,
        decoder: [{ graph: 'sound', axes: [1, 1], perStep: 4, fewer: 0, context: [0, 0], chunk: 1e9 }],
        latentShape: ({ frames }) => [channels, (frames + 3) / 4, 2, 2],
      }
      const graphs = [...model.graphs, soundGraph(channels, copies)]
      return { ...model, facts: { ...model.facts, sound }, graphs }
    },
  }))
}

function soundGraph(channels: number, copies: number): GraphRecipe {
  return {
    name: 'sound',
    component: 'vae',
    role: 'vae',
    build() {
      const graph = new Graph('sound', { precision: 'f32' })
      const latents = graph.input('latents', 'f32', [channels, 'frames', 'height', 'width'])
      const pair = reshape(slice(latents, 0, 0, 2), [2, '*'])
      graph.output('waveform', concat([pair, ...new Array(copies - 1).fill(pair)], 1))
      return graph
    },
  }
}
