import { stat } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError } from '../errors.ts'
import { modelPath } from '../hub/models.ts'
import { packageFolder } from './package-info.ts'

/** The name of the model that ships in the package, and the one that is used when none is named. */
export const builtInModel = 'doodle'

/**
 * The folder that a model's name stands for: an existing folder; `doodle`, the built-in model; or `owner/name`, a
 * model that was pulled from the hub.
 * @throws CheckpointError when there is no such model, with how to get it
 */
export async function resolveModel(name: string = builtInModel): Promise<string> {
  const found = await stat(name).catch(() => undefined)
  if (found?.isDirectory()) return name
  if (name === builtInModel) return path.join(packageFolder(), 'models', builtInModel, 'checkpoint')
  if (!found && /^\w[\w.-]*\/\w[\w.-]*$/.test(name)) return await modelPath(name)
  throw new CheckpointError('checkpoint/not-found', {
    subject: `model ${name}`,
    expected: `a folder in the diffusers layout, ${builtInModel}, or owner/name of a model on the hub`,
    got: found ? 'a file' : 'nothing of that name',
    advice: 'List the models that are here with: framewright models list',
  })
}
