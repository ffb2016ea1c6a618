/**
 * The small Wan 2.1 that tests and the measuring kit run: its configs are kept, its tokenizer is kept compressed, and its
 * weights follow from a formula.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { families } from '../models/index.ts'
import { tensorsOf } from '../src/benchmark/synthetic.ts'
import { familyOf } from '../src/engine/checkpoint.ts'
import { packageFolder } from '../src/engine/package-info.ts'
import type { CheckpointConfigs } from '../src/pipeline/family.ts'
import { readComponents } from '../src/weights/component-configs.ts'
import { synthesizeWeights } from '../src/weights/sparse.ts'

/** Beside the model folder `model`, `case-1.safetensors` has what diffusers makes with it; `record.py` records it. */
export const referenceFolder = path.join(packageFolder(), 'test', 'fixtures', 'goldens', 'wan21-t2v')

/** The model folder. What the repository does not keep of it is written where it is missing. */
export async function referenceModel(): Promise<string> {
  const folder = path.join(referenceFolder, 'model')
  // Written elsewhere and moved: another process may be reading, or writing as well.
  const written = mkdtempSync(path.join(referenceFolder, '.writing-'))
  const place = (file: string) => renameSync(path.join(written, file), path.join(folder, file))
  const isMissing = (file: string) => !existsSync(path.join(folder, file))
  try {
    const tokenizer = path.join('tokenizer', 'tokenizer.json')
    if (isMissing(tokenizer)) {
      const compressed = readFileSync(path.join(referenceFolder, 'tokenizer.json.br'))
      mkdirSync(path.join(written, 'tokenizer'))
      writeFileSync(path.join(written, tokenizer), brotliDecompressSync(compressed))
      place(tokenizer)
    }
    const configs = { ...(await readComponents(folder)), defaults: {} }
    const weights = (await weightFiles(configs)).map(({ file }) => file)
    if (weights.some(isMissing)) {
      await writeRandomWeights(configs, written)
      weights.filter(isMissing).forEach(place)
    }
  } finally {
    rmSync(written, { recursive: true })
  }
  return folder
}

/** Writes the weights of every network of a model, in f32, as numbers that follow from their keys and shapes. */
export async function writeRandomWeights(configs: CheckpointConfigs, folder: string): Promise<void> {
  for (const { file, recipes } of await weightFiles(configs)) {
    const { dir, name } = path.parse(path.join(folder, file))
    mkdirSync(dir, { recursive: true })
    await synthesizeWeights(tensorsOf(recipes, 'f32'), dir, { baseName: name, values: 'random' })
  }
}

/** The file of each component, below the model folder, with the graphs that ask for its tensors. */
async function weightFiles(configs: CheckpointConfigs) {
  const { graphs } = await familyOf(configs, families).load(configs)
  return [...new Set(graphs.map(recipe => recipe.component))].map(component => {
    const [library] = configs.index[component] as readonly [string, string]
    const name = library === 'transformers' ? 'model' : 'diffusion_pytorch_model'
    const recipes = graphs.filter(recipe => recipe.component === component)
    return { file: path.join(component, `${name}.safetensors`), recipes }
  })
}
