/** The small Wan 2.1 that tests and the measuring kit run: its configs are kept, its weights follow from a formula. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { families } from '../models/index.ts'
import { tensorsOf } from '../src/benchmark/synthetic.ts'
import { packageFolder } from '../src/engine/package-info.ts'
import { readComponents } from '../src/engine/read-components.ts'
import type { CheckpointConfigs } from '../src/pipeline/family.ts'
import { synthesizeWeights } from '../src/weights/sparse.ts'

/** Beside the model folder `model`, `case-1.safetensors` has what diffusers makes with it; `record.py` records it. */
export const referenceFolder = path.join(packageFolder(), 'test', 'fixtures', 'goldens', 'wan21-t2v')

/** The model folder. Its weights, which the repository does not keep, are written where they are missing. */
export async function referenceModel(): Promise<string> {
  const folder = path.join(referenceFolder, 'model')
  const configs = { ...(await readComponents(folder)), defaults: {} }
  // Written elsewhere and moved: another process may be reading, or writing as well.
  const written = mkdtempSync(path.join(referenceFolder, '.writing-'))
  try {
    for (const file of await writeRandomWeights(configs, written)) {
      const target = path.join(folder, file)
      if (!existsSync(target)) renameSync(path.join(written, file), target)
    }
  } finally {
    rmSync(written, { recursive: true })
  }
  return folder
}

/**
 * Writes the weights of every network of a model, in f32, as numbers that follow from their keys and shapes.
 * @returns the files, below `folder`
 */
export async function writeRandomWeights(configs: CheckpointConfigs, folder: string): Promise<string[]> {
  const { _class_name: pipeline } = configs.index
  const family = families.find(({ pipelines }) => pipelines.includes(String(pipeline)))!
  const { graphs } = family.load(configs)
  const files: string[] = []
  for (const name of new Set(graphs.map(recipe => recipe.component))) {
    const recipes = graphs.filter(recipe => recipe.component === name)
    const [library] = configs.index[name] as readonly [string, string]
    const baseName = library === 'transformers' ? 'model' : 'diffusion_pytorch_model'
    mkdirSync(path.join(folder, name), { recursive: true })
    await synthesizeWeights(tensorsOf(recipes, 'f32'), path.join(folder, name), {
      baseName,
      values: 'random',
    })
    files.push(path.join(name, `${baseName}.safetensors`))
  }
  return files
}
