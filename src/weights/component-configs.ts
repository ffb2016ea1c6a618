import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { CheckpointError, messageOf } from '../errors.ts'
import { systemReasonOf } from '../system-errors.ts'
import { type ComponentConfigs, checkConfig } from './read-config.ts'
import { brokenLink } from './weights-file.ts'

const indexName = 'model_index.json'

/** Whether a path is a folder in the diffusers layout. */
export async function isModelFolder(location: string): Promise<boolean> {
  return (await stat(path.join(location, indexName)).catch(() => undefined)) !== undefined
}

/** What model_index.json says of a component. */
export interface ListedComponent {
  readonly name: string
  readonly library: string
  readonly className: string
}

/** The configs of a folder, and what of them was changed to follow model_index.json. */
export interface ReadComponents extends ComponentConfigs {
  readonly notices: readonly string[]
}

/**
 * Reads model_index.json and the config of every component that it lists. As in diffusers, a component is listed as
 * [library, class] and left out as [null, null], and the class of the index is the one that is loaded.
 * @param advice what to do about a part that is not there
 * @throws CheckpointError for a component that is listed and has no folder or config, or is of two classes at once
 */
export async function readComponents(
  folder: string,
  advice?: (folder: string) => Promise<string>,
): Promise<ReadComponents> {
  const file = path.join(folder, indexName)
  const index = await readJson(file, anything)
  if (index === undefined) {
    const link = await brokenLink(file)
    const fetch = link && (await advice?.(folder))
    throw new CheckpointError('checkpoint/not-found', {
      subject: file,
      expected: 'a file',
      got: link ?? 'none',
      advice: fetch ?? 'Give the folder that holds model_index.json, with the components beside it.',
    })
  }
  const components: Record<string, unknown> = {}
  const notices: string[] = []
  for (const component of listedComponents(index, file)) {
    const { name, className } = component
    const configFile = path.join(folder, name, configFileOf(name))
    const missing = await missingPart(folder, component)
    const config = missing === undefined ? await readJson(configFile, anything) : undefined
    if (config === undefined) {
      throw new CheckpointError('checkpoint/not-found', {
        subject: `model ${folder}: component ${name} (${className})`,
        expected: missing ?? `${name}/${configFileOf(name)}`,
        got: (await brokenLink(missing === undefined ? configFile : path.join(folder, name))) ?? 'none',
        ...(advice && { advice: await advice(folder) }),
      })
    }
    if (name.startsWith('tokenizer')) continue
    const read = asListed(config, component, configFile)
    components[name] = read.config
    if (read.notice !== undefined) notices.push(read.notice)
  }
  return { folder, index, components, notices }
}

/** The components that an index lists, in its order. @throws CheckpointError for half a pair */
export function listedComponents(index: Readonly<Record<string, unknown>>, file: string): ListedComponent[] {
  return Object.entries(index).flatMap(([name, value]) => {
    if (name.startsWith('_') || !Array.isArray(value) || value.length < 2) return []
    const [library, className] = value as unknown[]
    if (library === null) return []
    if (typeof library === 'string' && typeof className === 'string') return [{ name, library, className }]
    if (typeof library !== 'string' && typeof className !== 'string') return []
    throw new CheckpointError('checkpoint/config', {
      subject: `${file} ${name}`,
      expected: '[library, class], or [null, null] for a component that is left out',
      got: JSON.stringify(value),
    })
  })
}

/** What of a component is not there, beside its config. */
async function missingPart(
  folder: string,
  { name, className }: ListedComponent,
): Promise<string | undefined> {
  const found = await stat(path.join(folder, name)).catch(() => undefined)
  if (!found?.isDirectory()) return `the folder ${name}/`
  if (!name.startsWith('tokenizer') || tokenizersWithoutFiles.includes(className)) return undefined
  const files = await readdir(path.join(folder, name))
  const known = files.some(file => vocabularies.includes(file))
  return known ? undefined : `${name}/tokenizer.json or ${name}/spiece.model`
}

const vocabularies = ['tokenizer.json', 'spiece.model', 'tokenizer.model', 'vocab.json', 'vocab.txt']

/** Their vocabulary is in the code. */
const tokenizersWithoutFiles = ['ByT5Tokenizer']

/** The config file of a component, by the beginning of its name. */
const configFiles = [
  [/^scheduler/, 'scheduler_config.json'],
  [/^(?:image_processor|feature_extractor)/, 'preprocessor_config.json'],
  [/^tokenizer/, 'tokenizer_config.json'],
  [/^guider/, 'guider_config.json'],
  [/^processor/, 'processor_config.json'],
] as const

/** The file in a component's folder that its config is in. */
export function configFileOf(component: string): string {
  return configFiles.find(([pattern]) => pattern.test(component))?.[1] ?? 'config.json'
}

/**
 * The config as diffusers reads it for the class of the index (`ConfigMixin.extract_init_dict`): the values that it
 * says were defaults when it was written are those of the class that reads it. A scheduler may be read as another than
 * wrote it; a network may not, for its weights are of one class.
 */
function asListed(config: Record<string, unknown>, { name, className }: ListedComponent, file: string) {
  const written = config._class_name
  if (typeof written !== 'string') return { config, notice: undefined }
  if (written !== className && !name.startsWith('scheduler')) {
    throw new CheckpointError('checkpoint/config', {
      subject: `${file} _class_name`,
      expected: `${className}, as model_index.json lists it`,
      got: written,
      advice: 'The files are of different models: put the ones of one model together.',
    })
  }
  const defaults = Array.isArray(config._use_default_values) ? (config._use_default_values as unknown[]) : []
  const kept = Object.entries(config).filter(([key]) => !defaults.includes(key))
  const notice =
    written === className
      ? undefined
      : `${name}: model_index.json says ${className} and ${path.basename(file)} says ${written}; ${className} is used, as diffusers does`
  return { config: { ...Object.fromEntries(kept), _class_name: className }, notice }
}

const anything = z.record(z.string(), z.unknown())

/** The contents of a JSON file; undefined where there is none. @throws CheckpointError for one that cannot be read */
export async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined
    const { got, advice } = systemReasonOf(cause) ?? { got: messageOf(cause), advice: 'Check the file.' }
    const expected = 'a file that can be read'
    throw new CheckpointError('checkpoint/config', { subject: file, expected, got, advice }, { cause })
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
