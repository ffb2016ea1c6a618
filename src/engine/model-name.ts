import { stat } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError } from '../errors.ts'
import { parseHubPath } from '../hub/hub-path.ts'
import { cachedSnapshot } from '../hub/hugging-face-cache.ts'
import { defaultRevision } from '../hub/model-folder.ts'
import { listModels, modelPath } from '../hub/models.ts'
import { closeTo } from '../weights/closest-keys.ts'
import { isHubFile, isHubName, modelAt } from './model-folder.ts'
import { packageFolder } from './package-info.ts'

/** The name of the model that ships in the package, and the one that is used when none is named. */
export const builtInModel = 'doodle'

/**
 * The folder that a model's name stands for: an existing folder; `doodle`, the built-in model; or `owner/name`, a
 * model that was pulled from the hub, or that Hugging Face's own tools have downloaded.
 * @throws CheckpointError when there is no such model, with how to get it
 */
export async function resolveModel(name: string = builtInModel): Promise<string> {
  const found = await stat(name).catch(() => undefined)
  if (name === builtInModel && !found?.isDirectory()) {
    return path.join(packageFolder(), 'models', builtInModel, 'checkpoint')
  }
  if (found) return (await modelAt(name)).path
  if (isHubName(name)) return await hubModel(name)
  if (isHubFile(name)) return await hubFile(name)
  const pulled = await listModels().catch(() => [])
  const [closest] = closeTo(name, [builtInModel, ...pulled.map(({ id }) => id)])
  throw new CheckpointError('checkpoint/not-found', {
    subject: `model ${name}`,
    expected: `a folder in the diffusers layout, ${builtInModel}, or owner/name of a model on the hub`,
    got: 'nothing of that name',
    advice: closest
      ? `Did you mean ${closest}?`
      : 'List the models that are here with: framewright models list',
  })
}

/** A file or folder of a repository. */
async function hubFile(name: string): Promise<string> {
  try {
    return (await modelAt(await modelPath(name))).path
  } catch (error) {
    const { id, part } = parseHubPath(name)
    const cached = await cachedSnapshot({ id, revision: defaultRevision })
    const file = cached && path.join(cached, part)
    if (file === undefined || !(await stat(file).catch(() => undefined))) throw error
    return (await modelAt(file)).path
  }
}

/** One that was pulled comes before one in the cache of Hugging Face's tools. */
async function hubModel(id: string): Promise<string> {
  try {
    return await modelPath(id)
  } catch (error) {
    const cached = await cachedSnapshot({ id, revision: defaultRevision })
    if (cached === undefined) throw error
    return (await modelAt(cached)).path
  }
}
