import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { wantedTensors } from '../src/graph/wanted-tensors.ts'
import type { Family } from '../src/pipeline/family.ts'
import { elementCount } from '../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../src/tensor/tensor.ts'
import { unitValues } from '../src/weights/random-weights.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

export interface SyntheticCheckpoint {
  readonly family: Family
  /** model_index.json */
  readonly index: Readonly<Record<string, unknown>>
  readonly scheduler: object
  /** config.json of every component that has weights. */
  readonly components: Readonly<Record<string, object>>
  /** Folder to copy. */
  readonly tokenizer: string
  /** tokenizer_config.json of a second one, whose vocabulary is in the code. */
  readonly tokenizer2?: object
}

/**
 * Writes a whole checkpoint of small random weights: the tensors are those that the family's own graphs ask for, so
 * this says nothing of whether they are a published checkpoint's.
 */
export async function writeSyntheticCheckpoint(folder: string, parts: SyntheticCheckpoint): Promise<void> {
  const json = async (path: string, value: unknown) => {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), JSON.stringify(value))
  }
  await json('model_index.json', parts.index)
  await json('scheduler/scheduler_config.json', parts.scheduler)
  for (const [name, config] of Object.entries(parts.components)) await json(`${name}/config.json`, config)
  await cp(parts.tokenizer, join(folder, 'tokenizer'), { recursive: true })
  if (parts.tokenizer2) await json('tokenizer_2/tokenizer_config.json', parts.tokenizer2)
  const { graphs } = await parts.family.load({
    folder,
    index: parts.index,
    components: { ...parts.components, scheduler: parts.scheduler },
    defaults: {},
  })
  for (const component of new Set(graphs.map(graph => graph.component))) {
    const wanted = wantedTensors(weights => {
      for (const graph of graphs) if (graph.component === component) graph.build(weights, 'f32')
    })
    const file = join(folder, component, 'diffusion_pytorch_model.safetensors')
    await writeSafetensors(file, randomTensors(wanted))
  }
}

/** Matrices and kernels keep the size of what goes through them; vectors are near one, as norms are. */
export function randomTensors(wanted: ReadonlyMap<string, readonly number[]>): Map<string, Tensor> {
  const units = unitValues()
  let at = 0
  return new Map(
    [...wanted].map(([key, shape]) => {
      const values = new Float32Array(elementCount(shape))
      const scale = shape.length > 1 ? Math.sqrt(shape[0]! / values.length) : 0.1
      const offset = key.endsWith('norm.weight') || /(_std|std-of-means)$/.test(key) ? 1 : 0
      for (let index = 0; index < values.length; index++) {
        values[index] = offset + scale * units[at]!
        at = (at + 1) % units.length
      }
      return [key, tensor('f32', shape, values)]
    }),
  )
}
