import { requestFields } from '../src/api/request-fields.ts'
import type { Graph } from '../src/graph/graph.ts'
import { wantedTensors } from '../src/graph/wanted-tensors.ts'
import { dryRunDecoding } from '../src/pipeline/dry-run.ts'
import type { Family } from '../src/pipeline/family.ts'
import { type GenerateRequest, planRequest } from '../src/pipeline/request.ts'

/** The runs that a published checkpoint decodes a clip in, as they are planned, with the graphs in f16 and no weights. */
export async function decodingOf(family: Family, name: string, request: Omit<GenerateRequest, 'prompt'>) {
  const { index, components } = family.published.find(each => each.name === name)!
  const model = family.load({ folder: '', index, components, defaults: {} })
  const graphs = new Map<string, Graph>()
  const graph = async (wanted: string) => {
    const recipe = model.graphs.find(each => each.name === wanted)!
    if (!graphs.has(wanted))
      wantedTensors(weights => graphs.set(wanted, recipe.build(weights, 'f16')), 'bf16')
    return graphs.get(wanted)!
  }
  const fields = { fields: requestFields, randomSeed: () => 0n }
  const plan = planRequest({ prompt: '', ...request }, model.facts, fields)
  const runs = await dryRunDecoding(model, plan, graph, { residency: 'keep', chunk: 2, tile: undefined })
  return { model, runs: runs.map(run => ({ ...run, built: graphs.get(run.graph)! })) }
}
