import { CheckpointError } from '../errors.ts'
import type { GraphRecipe, Model } from '../pipeline/family.ts'

/**
 * The model without graphs whose weights a checkpoint leaves out: what they are needed for cannot be asked for.
 * @throws CheckpointError when nothing is left to ask for
 */
export function withoutGraphs(model: Model, absent: readonly GraphRecipe[], folder: string): Model {
  const lost = new Set(absent.flatMap(({ optional }) => optional?.modes ?? []))
  const modes = model.facts.modes.filter(mode => !lost.has(mode))
  const needed = model.facts.requires.find(mode => lost.has(mode))
  if (modes.length === 0 || needed !== undefined) {
    const [first] = absent
    throw new CheckpointError('checkpoint/tensors', {
      subject: `${folder}: component ${first!.component}`,
      expected: `the tensors of ${first!.name}, without which this model makes nothing`,
      got: 'none of them',
      advice: `Use a ${first!.component} that has them.`,
    })
  }
  const names = new Set(absent.map(({ name }) => name))
  const { encoder } = model.facts
  return {
    ...model,
    facts: { ...model.facts, modes, encoder: encoder && names.has(encoder.first) ? undefined : encoder },
    graphs: model.graphs.filter(({ name }) => !names.has(name)),
    ignoredTensors: withIgnored(model.ignoredTensors, absent),
  }
}

/** What belongs to a part that was left out may have been kept. */
function withIgnored(
  ignored: Model['ignoredTensors'],
  absent: readonly GraphRecipe[],
): Model['ignoredTensors'] {
  const kept = absent.map(({ component, optional }) => {
    return [component, [...(ignored[component] ?? []), ...(optional?.leftovers ?? [])]] as const
  })
  return { ...ignored, ...Object.fromEntries(kept) }
}
