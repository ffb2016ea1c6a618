import type { GenerationRecord } from '../media/record.ts'
import type { WriterOptions } from '../media/writer.ts'
import type { GeneratePlan, RequestFields } from '../pipeline/fields/request-fields.ts'
import { storedFields, withPaths } from '../pipeline/fields/stored-fields.ts'
import type { AdapterOptions } from './adapters.ts'

export interface Provenance {
  /** The name by which the model can be asked for again. */
  readonly model: string
  /** Of this package. */
  readonly version: string
  readonly upscale?: WriterOptions['upscale']
  readonly adapters?: readonly AdapterOptions[]
  /** What the denoising network was asked to compute in. */
  readonly precision?: string | undefined
  /** How a file of the request is called, where its path means nothing to others. @default its path */
  readonly fileName?: ((path: string) => string) | undefined
}

/** Everything that is needed to make the same video again; what has no effect is left out. */
export function recordOf(
  plan: GeneratePlan,
  fields: RequestFields,
  { model, version, upscale, adapters = [], precision, fileName = path => path }: Provenance,
): GenerationRecord {
  const record = {
    ...withPaths(storedFields(plan, fields), fields, fileName),
    model,
    ...adaptersOf(adapters),
    ...(precision !== undefined && { precision }),
    ...(upscale && { upscale: { ...upscale } }),
    version,
  }
  return record as unknown as GenerationRecord
}

/** Adapters are named, not stored; the first expert's without its number. */
function adaptersOf(adapters: readonly AdapterOptions[]): Partial<GenerationRecord> {
  const named = adapters.map(({ path, scale = 1, expert = 0 }) => {
    return { path, ...(scale !== 1 && { scale }), ...(expert !== 0 && { expert }) }
  })
  return named.length > 0 ? { adapters: named } : {}
}
