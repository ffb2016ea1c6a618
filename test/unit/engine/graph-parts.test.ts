/** Graphs of a component in parts: which are built when one is asked for, and which tensors are accounted for then. */
import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { buildComponent } from '../../../src/engine/build-component.ts'
import { type Checkpoint, openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { graphSource } from '../../../src/engine/graph-source.ts'
import { fixture } from '../../fixtures.ts'
import { failure } from '../../scratch.ts'

const checkpoint = await openCheckpoint(fixture('wan21-t2v/model'), families)
const precision = { device: { type: 'cpu' }, requested: undefined } as const

/** The graphs of the checkpoint, and the names of those that were built. */
function noted(from: Checkpoint = checkpoint) {
  const built: string[] = []
  const graphs = from.model.graphs.map(recipe => {
    const build: typeof recipe.build = (...given) => {
      built.push(recipe.name)
      return recipe.build(...given)
    }
    return { ...recipe, build }
  })
  return { built, source: graphSource({ ...from, model: { ...from.model, graphs } }, precision) }
}

/** The checkpoint with one more tensor in its VAE. */
function withStray(key: string): Checkpoint {
  const vae = checkpoint.weights.get('vae')!
  const [first] = vae.tensors.values()
  const tensors = new Map([...vae.tensors, [key, { ...first!, key }]])
  return { ...checkpoint, weights: new Map([...checkpoint.weights, ['vae', { ...vae, tensors }]]) }
}

describe('the graphs of a VAE', () => {
  test('are built part by part, each once', async () => {
    const { built, source } = noted()
    await source.graph('vae-decoder-first')
    await source.graph('vae-decoder-next')
    expect(built).toEqual(['vae-decoder-first', 'vae-decoder-next'])
    await source.graph('vae-decoder-rest-first')
    expect(built.slice(2).toSorted()).toEqual([
      'vae-decoder-rest-first',
      'vae-decoder-rest-next',
      'vae-decoder-stem-first',
      'vae-decoder-stem-next',
    ])
    await source.graph('vae-encoder-next')
    expect(built.slice(6)).toEqual(['vae-encoder-first', 'vae-encoder-next'])
  })

  test.each([
    ['decoder.stray.weight', { decoder: false, rest: false, encoder: true }],
    ['encoder.stray.weight', { decoder: true, rest: true, encoder: false }],
    ['stray.weight', { decoder: false, rest: false, encoder: false }],
  ])('refuse %s in the parts that would have to use it, and all together', async (key, accepted) => {
    const stray = withStray(key)
    const { source } = noted(stray)
    for (const [part, accepts] of Object.entries(accepted)) {
      const name = {
        decoder: 'vae-decoder-first',
        rest: 'vae-decoder-rest-next',
        encoder: 'vae-encoder-first',
      }[part]!
      if (accepts) expect((await source.graph(name)).outputs.length).toBeGreaterThan(0)
      else expect((await failure(source.graph(name))).message).toContain(`1 unexpected: ${key}`)
    }
    expect(await failure(buildComponent(stray, 'vae', precision))).toMatchObject({
      code: 'checkpoint/tensors',
    })
  })

  test('of a component come in the order of the model', async () => {
    const names = checkpoint.model.graphs.flatMap(({ component, name }) =>
      component === 'vae' ? [name] : [],
    )
    expect([...(await buildComponent(checkpoint, 'vae', precision)).keys()]).toEqual(names)
  })
})
