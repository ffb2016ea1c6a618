import type { Graph } from '../graph/graph.ts'
import type { Checkpoint } from './checkpoint.ts'
import { buildPart, type Precision } from './graph-source.ts'

/** All graphs of a component. @throws CheckpointError for a tensor of its files that none of them uses */
export async function buildComponent(
  checkpoint: Checkpoint,
  component: string,
  precision: Precision,
): Promise<ReadonlyMap<string, Graph>> {
  const recipes = checkpoint.model.graphs.filter(each => each.component === component)
  const parts = new Map(recipes.map(recipe => [recipe.part?.name, recipe]))
  const built = await Promise.all([...parts.values()].map(of => buildPart(checkpoint, of, precision)))
  const graphs = new Map(built.flatMap(part => [...part]))
  return new Map(recipes.map(({ name }) => [name, graphs.get(name)!]))
}
