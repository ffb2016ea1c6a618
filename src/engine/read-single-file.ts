import { stat } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError, messageOf } from '../errors.ts'
import type { CheckpointConfigs, Family } from '../pipeline/family.ts'
import type { NeededPart, SingleFileModel } from '../pipeline/single-files.ts'
import { elementCount } from '../tensor/dtype.ts'
import { type TokenizerSource, tokenizerAt } from '../text/tokenizer-source.ts'
import type { Weights } from '../weights/checkpoint.ts'
import { findPart } from './find-parts.ts'
import {
  fileOptions,
  type LocatedPart,
  type ModelFiles,
  namedPart,
  partsIn,
  readTransformer,
  shortName,
  withoutMarkers,
} from './model-files.ts'
import { repositories } from './part-places.ts'

/** A model of single files: what a folder's configs would say, and the weights of each component. */
export interface SingleFileCheckpoint {
  readonly configs: CheckpointConfigs
  readonly family: Family
  readonly weights: ReadonlyMap<string, Weights>
  /** Which files were chosen, and what was assumed, as sentences. */
  readonly choices: readonly string[]
}

/**
 * Reads a model whose transformer is a single file; its other parts are in the same file, given, or found near it.
 * @throws CheckpointError for a file that is no transformer, and for a part that is missing, ambiguous or of another model
 */
export async function readSingleFile(
  location: string,
  families: readonly Family[],
  files: ModelFiles,
): Promise<SingleFileCheckpoint> {
  const { family, parts: inFile } = await readTransformer(location, families)
  const transformer = inFile.find(({ component }) => component === 'transformer')!
  const second = files.transformer2 && (await secondExpert(files.transformer2, transformer, family))
  const model = family.singleFiles!.model(second ? [transformer, second] : [transformer])
  const parts = new Map<string, LocatedPart>([['transformer', transformer]])
  if (second) parts.set('transformer_2', second)
  const found: string[] = []
  for (const need of model.needs) {
    const part = await neededPart(need, { location, inFile, family, files })
    parts.set(need.component, part)
    if (part.file.path !== transformer.file.path) {
      const named = files[fileOptions[need.component as keyof typeof fileOptions]?.option] !== undefined
      if (!named) found.push(`${need.component}: ${part.file.path} is used, found near the model`)
    }
  }
  const tokenizer = await tokenizerOf(parts.get('text_encoder'), { files, folders: model.tokenizers })
  const listed = [...parts].map(([name, { listed: pair }]) => [name, pair] as const)
  const configs = {
    folder: transformer.file.path,
    index: {
      ...model.index(parts),
      ...Object.fromEntries(listed),
      scheduler: schedulerPair(model.configs(parts)),
    },
    components: {
      ...model.configs(parts),
      ...Object.fromEntries([...parts].map(([name, { config }]) => [name, config])),
    },
    defaults: {},
    tokenizer,
  }
  const weights = new Map([...parts].map(([name, part]) => [name, weightsOf(part)] as const))
  return { configs, family, weights, choices: [...found, ...model.assumed] }
}

/** Why parts of the model that a transformer's file is of cannot be had, as sentences; none where it can be run. */
export async function missingParts(
  location: string,
  families: readonly Family[],
  files: ModelFiles,
): Promise<string[]> {
  const { family, parts: inFile } = await readTransformer(location, families)
  const transformer = inFile.find(({ component }) => component === 'transformer')!
  const second = files.transformer2 && (await secondExpert(files.transformer2, transformer, family))
  const { needs, tokenizers } = family.singleFiles!.model(second ? [transformer, second] : [transformer])
  const missing: string[] = []
  let encoder: LocatedPart | undefined
  for (const need of needs) {
    try {
      const part = await neededPart(need, { location, inFile, family, files })
      if (need.component === 'text_encoder') encoder = part
    } catch (error) {
      missing.push(messageOf(error))
    }
  }
  const tokenizer = tokenizerOf(encoder, { files, folders: tokenizers })
  await tokenizer.catch(error => missing.push(messageOf(error)))
  return missing
}

function schedulerPair(configs: Readonly<Record<string, object>>): [string, string] {
  const { _class_name: name } = (configs.scheduler ?? {}) as { _class_name?: string }
  return ['diffusers', String(name)]
}

/** The file of the low-noise expert, whose network has to be that of the first. */
async function secondExpert(file: string, first: LocatedPart, family: Family): Promise<LocatedPart> {
  const { parts } = await readTransformer(file, [family])
  const second = parts.find(({ component }) => component === 'transformer')!
  const differs = Object.keys(first.config).find(
    name => JSON.stringify(first.config[name]) !== JSON.stringify(second.config[name]),
  )
  if (differs === undefined) return second
  throw new CheckpointError('checkpoint/config', {
    subject: `${file} ${differs}`,
    expected: `${JSON.stringify(first.config[differs])}, as ${shortName(first.file.path)} has it`,
    got: JSON.stringify(second.config[differs]) ?? 'none',
    advice: 'Both experts have to be of one model.',
  })
}

interface PartContext {
  readonly location: string
  readonly inFile: readonly LocatedPart[]
  readonly family: Family
  readonly files: ModelFiles
}

async function neededPart(
  need: NeededPart,
  { location, inFile, family, files }: PartContext,
): Promise<LocatedPart> {
  const { option } = fileOptions[need.component as keyof typeof fileOptions]
  const given = files[option]
  if (given !== undefined) return await namedPart(given, need, family)
  const inside = inFile.find(part => part.component === need.component && need.fits(part))
  const modelsFolder = files.modelsFolder ?? process.env.FRAMEWRIGHT_MODELS
  return inside ?? (await findPart(need, { near: path.resolve(location), family, modelsFolder }))
}

/** As given; else of the encoder's file; else beside that file; else in a repository on this machine. */
async function tokenizerOf(
  encoder: LocatedPart | undefined,
  { files, folders }: { files: ModelFiles; folders: SingleFileModel['tokenizers'] },
): Promise<TokenizerSource | undefined> {
  if (files.tokenizer !== undefined) return await tokenizerAt(files.tokenizer)
  if (!encoder || encoder.tokenizer) return encoder?.tokenizer
  const folder = path.dirname(encoder.file.path)
  const near = ['tokenizer', '../tokenizer', 'tokenizer.json', 'spiece.model']
  for (const name of near) {
    const place = path.join(folder, name)
    if (await stat(place).catch(() => undefined)) return await tokenizerAt(place)
  }
  const local = await repositories()
  for (const folder of folders) {
    const id = folder.split('/').slice(0, 2).join('/')
    for (const repository of local.filter(each => each.id === id)) {
      const found = await tokenizerAt(path.join(repository.folder, folder.slice(id.length))).catch(
        () => undefined,
      )
      if (found) return found
    }
  }
  throw new CheckpointError('checkpoint/not-found', {
    subject: encoder.file.path,
    expected: 'a tokenizer in it (spiece_model), or a folder tokenizer/ beside it',
    got: 'none',
    advice: `Fetch one with: framewright models pull ${folders[0]}; or give the folder with tokenizer.json as --tokenizer <folder>.`,
  })
}

/** The weights of a component that a file holds. @throws CheckpointError `checkpoint/config` where it has none */
export async function weightsInFile(file: string, component: string, family: Family): Promise<Weights> {
  const wanted = component === 'transformer_2' ? 'transformer' : component
  const part = (await partsIn(file, family)).find(each => each.component === wanted)
  if (part) return weightsOf(part)
  throw new CheckpointError('checkpoint/config', {
    subject: file,
    expected: `the weights of ${component}`,
    got: 'none of the parts of this family',
    advice: 'Export the model again.',
  })
}

function weightsOf({ file, tensors }: LocatedPart): Weights {
  const all = [...tensors.values()]
  return {
    folder: file.path,
    tensors,
    files: [file.path],
    stamps: [file.stamp],
    parameters: all.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    metadata: withoutMarkers(file.metadata),
  }
}
