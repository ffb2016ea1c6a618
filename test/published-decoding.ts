import { requestFields } from '../src/api/request-fields.ts'
import type { Graph } from '../src/graph/graph.ts'
import { wantedTensors } from '../src/graph/wanted-tensors.ts'
import { dryRunDecoding } from '../src/pipeline/dry-run.ts'
import type { Family } from '../src/pipeline/family.ts'
import { type GenerateRequest, planRequest } from '../src/pipeline/request.ts'

/** A published checkpoint that plans how it decodes clips, with the graphs in f16 and no weights, each built once. */
export async function publishedDecoding(family: Family, name: string) {
  const { index, components } = family.published.find(each => each.name === name)!
  const model = await family.load({ folder: '', index, components, defaults: {} })
  const graphs = new Map<string, Graph>()
  const graph = async (wanted: string) => {
    const recipe = model.graphs.find(each => each.name === wanted)!
    if (!graphs.has(wanted))
      wantedTensors(weights => graphs.set(wanted, recipe.build(weights, 'f16')), 'bf16')
    return graphs.get(wanted)!
  }
  const fields = { fields: requestFields, randomSeed: () => 0n }
  return {
    model,
    /** The runs that a clip is decoded in. */
    async runsOf(request: Omit<GenerateRequest, 'prompt'>) {
      const source = { graph, keyMultiple: 8 }
      const memory = { residency: 'keep', chunk: 2, tile: undefined } as const
      const plan = planRequest({ prompt: '', ...request }, model.facts, fields)
      const runs = await dryRunDecoding(model, plan, source, memory)
      return runs.map(run => ({ ...run, built: graphs.get(run.graph)! }))
    },
  }
}
