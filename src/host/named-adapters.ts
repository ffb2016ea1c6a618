import { checkModelAdapters } from '../api/models.ts'
import type { AdapterOptions } from '../engine/adapters.ts'
import { filesFor, type ModelFiles } from '../engine/model-files.ts'
import { resolveModel } from '../engine/model-name.ts'
import { CheckpointError, invalidRequest, RequestError } from '../errors.ts'

/** A LoRA that is offered under a name: how strongly it counts, a request says. */
export type NamedAdapter = Omit<AdapterOptions, 'scale'>

export type NamedAdapters = Readonly<Record<string, NamedAdapter>>

const nameForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/**
 * Checks names, and which models each adapter is of.
 * @returns the names of the adapters by model
 * @throws RequestError for a name that cannot be; CheckpointError for a file that is no adapter of any of the models
 */
export async function checkNamedAdapters(
  adapters: NamedAdapters,
  { models, files }: { readonly models: readonly string[]; readonly files?: ModelFiles | undefined },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const fitting = new Map(models.map(model => [model, [] as string[]]))
  for (const [name, adapter] of Object.entries(adapters)) {
    if (!nameForm.test(name)) {
      throw invalidRequest(
        'name of an adapter',
        'up to 64 letters, digits, dots, dashes and underscores',
        JSON.stringify(name),
      )
    }
    const refusals: Error[] = []
    for (const model of fitting.keys()) {
      const refusal = await refusalOf(adapter, { model, files })
      if (refusal) refusals.push(refusal)
      else fitting.get(model)!.push(name)
    }
    if (refusals.length === fitting.size) throw refusals[0]
  }
  return fitting
}

/** Why an adapter is none of a model. */
async function refusalOf(
  adapter: NamedAdapter,
  { model, files }: { readonly model: string; readonly files: ModelFiles | undefined },
): Promise<Error | undefined> {
  try {
    const location = await resolveModel(model)
    await checkModelAdapters({ model: location, files: filesFor(location, files), adapters: [adapter] })
    return undefined
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof RequestError) return error
    throw error
  }
}
