import { stat } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError, messageOf } from '../errors.ts'
import type { CheckpointConfigs, Family } from '../pipeline/family.ts'
import { type AskedModel, type NeededPart, partName, type SingleFileModel } from '../pipeline/single-files.ts'
import { elementCount } from '../tensor/dtype.ts'
import { type TokenizerSource, tokenizerAt } from '../text/tokenizer-source.ts'
import type { Weights } from '../weights/checkpoint.ts'
import type { FileStamp } from '../weights/file-stamp.ts'
import { withoutLayerMap } from '../weights/formats/comfy-markers.ts'
import { findPart } from './find-parts.ts'
import {
  fileOptions,
  type LocatedPart,
  type ModelFiles,
  namedPart,
  neededIn,
  partsIn,
  readTransformer,
  shortName,
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
  pipeline: string | undefined,
): Promise<SingleFileCheckpoint> {
  const { family, parts: inFile } = await readTransformer(location, families)
  const transformer = inFile.find(({ component }) => component === 'transformer')!
  const second = files.transformer2 && (await secondExpert(files.transformer2, transformer, family))
  const transformers = second ? ([transformer, second] as const) : ([transformer] as const)
  const model = family.singleFiles!.model(transformers, askedOf(files, pipeline))
  const parts = new Map<string, LocatedPart>([['transformer', transformer]])
  if (second) parts.set('transformer_2', second)
  const found: string[] = []
  for (const need of model.needs) {
    const part = await neededPart(need, { location, inFile, family, files, parts })
    parts.set(partName(need), part)
    if (part.file.path !== transformer.file.path && givenFile(need, files) === undefined) {
      found.push(`${need.component}: ${part.file.path} is used, found near the model`)
    }
  }
  const tokenizer = await tokenizerOf(parts.get('text_encoder'), { files, folders: model.tokenizers })
  const components = joined(parts)
  const listed = [...components].map(([name, [{ listed: pair }]]) => [name, pair] as const)
  const further = model.configs(parts)
  const configs = {
    folder: transformer.file.path,
    files: Object.fromEntries([...components].map(([name, [{ file }]]) => [name, file.path])),
    index: {
      ...model.index(parts),
      ...Object.fromEntries(listed),
      scheduler: schedulerPair(further),
    },
    components: {
      ...further,
      ...Object.fromEntries([...components].map(([name, pieces]) => [name, configOf(pieces, further[name])])),
    },
    defaults: {},
    tokenizer,
  }
  const weights = new Map([...components].map(([name, pieces]) => [name, weightsOf(pieces)] as const))
  return { configs, family, weights, choices: [...new Set(found), ...model.assumed] }
}

function askedOf(files: ModelFiles, pipeline: string | undefined): AskedModel {
  const given = Object.entries(fileOptions).filter(([, { option }]) => files[option] !== undefined)
  return { pipeline, given: new Set(given.map(([component]) => component)) }
}

type Pieces = readonly [LocatedPart, ...LocatedPart[]]

/** The parts by component: pieces of one are together. The experts have a component each. */
function joined(parts: ReadonlyMap<string, LocatedPart>): Map<string, Pieces> {
  const components = new Map<string, Pieces>()
  for (const [name, part] of parts) {
    const component = part.piece === undefined ? name : part.component
    components.set(component, [...(components.get(component) ?? []), part] as unknown as Pieces)
  }
  return components
}

function configOf(pieces: Pieces, further: object | undefined): object {
  return Object.assign({}, ...pieces.map(({ config }) => config), further) as object
}

/** The model that a transformer's file is of, and why parts of it cannot be had, as sentences; none where it can be run. */
export async function describeTransformer(
  location: string,
  families: readonly Family[],
  files: ModelFiles,
): Promise<{ readonly variant: string; readonly missing: readonly string[] }> {
  const { family, parts: inFile } = await readTransformer(location, families)
  const transformer = inFile.find(({ component }) => component === 'transformer')!
  const second = files.transformer2 && (await secondExpert(files.transformer2, transformer, family))
  const transformers = second ? ([transformer, second] as const) : ([transformer] as const)
  const { variant, needs, tokenizers } = family.singleFiles!.model(transformers, askedOf(files, undefined))
  const missing: string[] = []
  const parts = new Map<string, LocatedPart>()
  for (const need of needs) {
    try {
      parts.set(partName(need), await neededPart(need, { location, inFile, family, files, parts }))
    } catch (error) {
      missing.push(messageOf(error))
    }
  }
  const tokenizer = tokenizerOf(parts.get('text_encoder'), { files, folders: tokenizers })
  await tokenizer.catch(error => missing.push(messageOf(error)))
  return { variant, missing: [...new Set(missing)] }
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
  /** Those that were found so far. */
  readonly parts: ReadonlyMap<string, LocatedPart>
}

function givenFile({ component }: NeededPart, files: ModelFiles): string | undefined {
  return files[fileOptions[component as keyof typeof fileOptions].option]
}

/** The part of the file that is given; a file that holds but a piece of a component leaves the others to the model's own. */
async function neededPart(
  need: NeededPart,
  { location, inFile, family, files, parts }: PartContext,
): Promise<LocatedPart> {
  const given = givenFile(need, files)
  const inside = neededIn(inFile, need)
  if (given !== undefined) {
    const part = need.piece === undefined ? undefined : neededIn(await partsIn(given, family), need)
    return part ?? (need.piece === undefined ? undefined : inside) ?? (await namedPart(given, need, family))
  }
  if (inside) return inside
  const near = need.beside && parts.get(partName(need.beside))
  const together = near && neededIn(await partsIn(near.file.path, family), need)
  const modelsFolder = files.modelsFolder ?? process.env.FRAMEWRIGHT_MODELS
  return together ?? (await findPart(need, { near: path.resolve(location), family, modelsFolder }))
}

/** As given; else of the encoder's file; else beside that file; else in a repository on this machine. */
async function tokenizerOf(
  encoder: LocatedPart | undefined,
  { files, folders }: { files: ModelFiles; folders: SingleFileModel['tokenizers'] },
): Promise<TokenizerSource | undefined> {
  if (files.tokenizer !== undefined) return await tokenizerAt(files.tokenizer)
  if (!encoder || encoder.tokenizer) return encoder?.tokenizer
  // A folder of shards may be that of the whole encoder, with the tokenizer's files in it.
  const whole = (await stat(encoder.file.path)).isDirectory()
  const folder = whole ? encoder.file.path : path.dirname(encoder.file.path)
  const near = ['tokenizer', '../tokenizer', 'tokenizer.json', 'tokenizer.model', 'spiece.model']
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

/** The weights of a component that files hold. @throws CheckpointError `checkpoint/config` where they have none */
export async function weightsInFiles(
  files: readonly string[],
  component: string,
  family: Family,
): Promise<Weights> {
  const wanted = component === 'transformer_2' ? 'transformer' : component
  const parts = (await Promise.all(files.map(file => partsIn(file, family)))).flat()
  const [first, ...others] = parts.filter(each => each.component === wanted)
  if (first) return weightsOf([first, ...others])
  throw new CheckpointError('checkpoint/config', {
    subject: files.join(', '),
    expected: `the weights of ${component}`,
    got: 'none of the parts of this family',
    advice: 'Export the model again.',
  })
}

/**
 * The weights of components, by the names of the files in a folder that hold them.
 * @throws as `weightsInFiles`
 */
export async function weightsOfParts(
  folder: string,
  files: Readonly<Record<string, string | readonly string[]>>,
  family: Family,
): Promise<Map<string, Weights>> {
  const open = async ([component, names]: [string, string | readonly string[]]) => {
    const paths = [names].flat().map(name => path.join(folder, name))
    return [component, await weightsInFiles(paths, component, family)] as const
  }
  return new Map(await Promise.all(Object.entries(files).map(open)))
}

function weightsOf(pieces: Pieces): Weights {
  const tensors = new Map(pieces.flatMap(piece => [...piece.tensors]))
  const all = [...tensors.values()]
  return {
    folder: pieces[0].file.path,
    tensors,
    files: [...new Set(all.map(({ file }) => file))],
    stamps: uniqueStamps(pieces),
    parameters: all.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    metadata: new Map(pieces.flatMap(({ file }) => [...withoutLayerMap(file.metadata)])),
  }
}

/** Of the files, each once: pieces of a component may be in one. */
function uniqueStamps(pieces: Pieces): FileStamp[] {
  return [...new Map(pieces.flatMap(({ file }) => file.stamps).map(stamp => [stamp.path, stamp])).values()]
}
