import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { CheckpointError, messageOf } from '../errors.ts'
import type { CheckpointConfigs, Family, Model } from '../pipeline/family.ts'
import type { Trained } from '../pipeline/trained.ts'
import { checkConfig } from '../weights/read-config.ts'

/** A model folder that a family has read. */
export interface Checkpoint {
  readonly folder: string
  readonly family: Family
  readonly configs: CheckpointConfigs
  readonly model: Model
  /** Where the graphs are, when they were exported; undefined when they are built from the weights. */
  readonly exported: ExportManifest | undefined
}

export const exportManifestName = 'framewright-export.json'

const trainedSchema: z.ZodType<Trained> = z
  .strictObject({
    sizes: z.array(z.string().regex(/^\d+x\d+$/, '<width>x<height>')),
    frames: z.array(z.int().positive()),
    words: z.array(z.string()),
    subject: z.string(),
  })
  .partial()

const exportManifest = z.object({
  format: z.literal(1),
  index: z.record(z.string(), z.unknown()),
  components: z.record(z.string(), z.unknown()),
  defaults: z.record(z.string(), z.unknown()),
  trained: trainedSchema.optional(),
  precision: z.enum(['f32', 'f16', 'bf16']),
  graphs: z.array(z.object({ name: z.string(), file: z.string(), weightBytes: z.number() })),
})

export type ExportManifest = z.infer<typeof exportManifest>

/** framewright.json */
const ownFileSchema = z
  .strictObject({
    width: z.int().positive(),
    height: z.int().positive(),
    frames: z.int().positive(),
    fps: z.number().positive(),
    steps: z.int().positive(),
    guidance: z.number().nonnegative(),
    negativePrompt: z.string(),
    trained: trainedSchema,
  })
  .partial()

/**
 * Opens a folder in the diffusers layout, or one that was exported.
 * @param pipeline the pipeline class to run it as, instead of the one that model_index.json names
 * @throws CheckpointError when it is not there, not a model, or of a pipeline that no family reads
 */
export async function openCheckpoint(
  folder: string,
  families: readonly Family[],
  pipeline?: string,
): Promise<Checkpoint> {
  await checkFolder(folder)
  const exported = await readJson(path.join(folder, exportManifestName), exportManifest)
  const read = exported
    ? {
        folder,
        index: exported.index,
        components: exported.components,
        defaults: exported.defaults,
        trained: exported.trained,
      }
    : await readConfigs(folder)
  const configs = pipeline ? { ...read, index: { ...read.index, _class_name: pipeline } } : read
  const family = familyOf(configs, families)
  return { folder, family, configs, model: family.load(configs), exported }
}

async function checkFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined)
  if (found?.isDirectory()) return
  throw new CheckpointError('checkpoint/not-found', {
    subject: `model ${folder}`,
    expected: 'a folder in the diffusers layout',
    got: found ? 'a file' : 'nothing there',
    advice: 'Download one with "framewright models pull <id>", or leave --model out for the built-in one.',
  })
}

async function readConfigs(folder: string): Promise<CheckpointConfigs> {
  const anything = z.record(z.string(), z.unknown())
  const index = await readJson(path.join(folder, 'model_index.json'), anything)
  if (index === undefined) {
    throw new CheckpointError('checkpoint/not-found', {
      subject: path.join(folder, 'model_index.json'),
      expected: 'a file',
      got: 'none',
      advice: 'Give the folder that holds model_index.json, with the components beside it.',
    })
  }
  const names = Object.entries(index).flatMap(([name, value]) => (isComponent(value) ? [name] : []))
  const read = names.map(async name => {
    const file = configFiles[name] ?? 'config.json'
    return [name, await readJson(path.join(folder, name, file), anything)] as const
  })
  const components = Object.fromEntries(
    (await Promise.all(read)).filter(([, config]) => config !== undefined),
  )
  const own = (await readJson(path.join(folder, 'framewright.json'), ownFileSchema)) ?? {}
  const { trained, ...defaults } = own
  return { folder, index, components, defaults: defaults as CheckpointConfigs['defaults'], trained }
}

/** Components whose config has a name of its own. */
const configFiles: Readonly<Record<string, string>> = {
  scheduler: 'scheduler_config.json',
  image_processor: 'preprocessor_config.json',
}

/** A component is listed as [library, class]; one that is left out as [null, null]. */
function isComponent(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && typeof value[1] === 'string'
}

function familyOf(configs: CheckpointConfigs, families: readonly Family[]): Family {
  const pipeline = configs.index._class_name
  const family = families.find(each => each.pipelines.some(name => name === pipeline))
  if (family) return family
  throw new CheckpointError('checkpoint/config', {
    subject: path.join(configs.folder, 'model_index.json'),
    expected: `a pipeline of ${families.flatMap(each => each.pipelines).join(', ')}`,
    got: String(pipeline),
  })
}

async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined
    throw new CheckpointError('checkpoint/config', `${file}: cannot be read: ${messageOf(cause)}.`, { cause })
  })
  return text === undefined ? undefined : checkConfig(schema, parseJson(file, text), file)
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CheckpointError(
      'checkpoint/config',
      { subject: file, expected: 'JSON', got: messageOf(cause), advice: 'Download the file again.' },
      { cause },
    )
  }
}
