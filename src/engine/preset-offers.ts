import { presetText } from '../pipeline/fields/preset.ts'
import type { ModelAdapter } from './adapters.ts'
import type { Checkpoint } from './checkpoint.ts'

/** Sentences about files whose headers say that they are of a few-step model, each with the preset that it has. */
export function presetOffers(
  { model, weights, folder }: Pick<Checkpoint, 'model' | 'weights' | 'folder'>,
  adapters: readonly ModelAdapter[],
): string[] {
  const { presets = [], experts } = model.facts
  const components = experts.map(({ graph }) => model.graphs.find(({ name }) => name === graph)?.component)
  const networks = components.flatMap(name => (name === undefined ? [] : (weights.get(name) ?? [])))
  const files = [
    ...networks.map(({ metadata }) => ({ what: `model ${folder}`, metadata })),
    ...adapters.map(({ file }) => ({ what: `adapter ${file.path}`, metadata: file.metadata })),
  ]
  const offers = files.flatMap(({ what, metadata }) => {
    const said = [...metadata.values()].filter(value => value.length < longest).join('\n')
    const preset = presets.find(({ recognized }) => recognized.test(said))
    return preset
      ? [
          `${what}: its header says it is ${preset.name}; --preset ${preset.name} runs it with ${presetText(preset)}.`,
        ]
      : []
  })
  return [...new Set(offers)]
}

/** Longer values are configs and the like, not names. */
const longest = 1000
