import { z } from 'zod'
import { CheckpointError } from '../errors.ts'
import { listed } from '../notices.ts'
import { isWithin } from './hub-path.ts'

/** The file that lists the components of a diffusers folder. */
export const modelIndexName = 'model_index.json'

/** Files of the top folder that are taken: what names the components, and defaults for generation. */
const topFiles = new Set([modelIndexName, 'framewright.json'])

const wanted = /\.(json|txt|model|safetensors)$/
const otherWeights = /\.(bin|pt|pth|ckpt|msgpack|h5|onnx)$/

const modelIndex = z.record(z.string(), z.unknown())

/**
 * The components that a model_index.json names: its `[library, class]` pairs that are not null.
 * @throws CheckpointError when the text is no such file
 */
export function componentsOf(modelIndexText: string, subject: string): string[] {
  const index = modelIndex.safeParse(jsonOf(modelIndexText))
  const components = Object.entries(index.data ?? {}).flatMap(([name, value]) =>
    Array.isArray(value) && value.length === 2 && value.every(part => typeof part === 'string') ? [name] : [],
  )
  if (components.length > 0) return components
  throw new CheckpointError('checkpoint/config', {
    subject,
    expected: 'a JSON object that names components as [library, class]',
    got: index.success ? 'none' : 'something else',
  })
}

/**
 * The files that a diffusers folder needs to run: of every component its configuration, its tokenizer and its
 * safetensors weights, those in one precision where there are several.
 * @throws CheckpointError when a component has no files, or weights only in other formats
 */
export function selectFiles(
  paths: readonly string[],
  components: readonly string[],
  subject: string,
): string[] {
  const selected = components.flatMap(component => {
    const inside = paths.filter(path => path.startsWith(`${component}/`) && path.split('/').length === 2)
    const files = withoutVariants(inside.filter(path => wanted.test(path)))
    checkComponent({ component, inside, files, subject })
    return files
  })
  return [...paths.filter(path => topFiles.has(path)), ...selected]
}

/** Files of weights that can be read, and what goes with them. */
const readable = /\.(json|txt|model|safetensors|sft|gguf|jinja)$/
const weightsFile = /\.(?:safetensors|sft|gguf)$/
const pickles = /\.(?:bin|pt|pth|ckpt)$/

/**
 * The files of a part of a repository: a file, or those of a folder that can be read.
 * @throws CheckpointError when there is no such file, or none that can be read
 */
export function selectPart(paths: readonly string[], part: string, subject: string): string[] {
  if (paths.includes(part)) {
    if (!pickles.test(part)) return [part]
    throw new CheckpointError('checkpoint/not-found', {
      subject: `${subject}, ${part}`,
      expected: 'weights as .safetensors or .gguf',
      got: 'a pickle, which can run code when it is read',
      advice: alternatives(paths) || 'Look for the same weights as .safetensors.',
    })
  }
  const inside = paths.filter(path => isWithin(path, part))
  const files = withoutVariants(inside.filter(path => readable.test(path)))
  if (files.length > 0) return files
  throw new CheckpointError('checkpoint/not-found', {
    subject: `${subject}, ${part}`,
    expected: 'a file, or a folder with .safetensors, .gguf or .json files',
    got: inside.length > 0 ? inside.slice(0, 5).join(', ') : 'nothing of that name',
    advice: alternatives(paths) || 'The repository has no weights that can be read.',
  })
}

const maxShown = 8

/** A sentence with the files of weights in a repository; empty where it has none. */
export function alternatives(paths: readonly string[]): string {
  const files = paths.filter(path => weightsFile.test(path))
  if (files.length === 0) return ''
  return `Its weights are ${listed(files, maxShown)}.`
}

interface ComponentFiles {
  readonly component: string
  /** Everything in the component's folder. */
  readonly inside: readonly string[]
  /** What was chosen of it. */
  readonly files: readonly string[]
  readonly subject: string
}

function checkComponent({ component, inside, files, subject }: ComponentFiles): void {
  const foreign = inside.filter(path => otherWeights.test(path))
  const lacksWeights = foreign.length > 0 && !files.some(path => path.endsWith('.safetensors'))
  if (files.length > 0 && !lacksWeights) return
  throw new CheckpointError('checkpoint/not-found', {
    subject: `${subject}, ${component}`,
    expected: lacksWeights ? 'weights as .safetensors' : 'a folder with its files',
    got: lacksWeights ? foreign.join(', ') : 'none',
    advice: 'Choose a repository, or a revision, in the diffusers layout with safetensors weights.',
  })
}

/**
 * Of weights that come in several variants (`name.fp16.safetensors`, its shards and index) keeps one: the plain one
 * where it is there, else the first by name.
 */
function withoutVariants(paths: readonly string[]): string[] {
  const weights = paths.map(path => ({ path, ...weightsName(path) }))
  const chosen = new Map<string, string>()
  for (const { base, variant } of weights) {
    if (base !== undefined && !(chosen.get(base)! <= variant)) chosen.set(base, variant)
  }
  return weights.flatMap(({ path, base, variant }) => (base && chosen.get(base) !== variant ? [] : [path]))
}

/**
 * The name of a weights file or shard index without its variant and shard number, and the variant (`fp16`);
 * other files have neither.
 */
function weightsName(
  path: string,
): { base: string; variant: string } | { base?: undefined; variant?: undefined } {
  const match =
    /^(?<stem>.+)\.safetensors$/.exec(path) ??
    /^(?<stem>.+)\.safetensors\.index(?:\.(?<tag>.+))?\.json$/.exec(path)
  const { stem, tag } = match?.groups ?? {}
  if (stem === undefined) return {}
  const folder = stem.slice(0, stem.indexOf('/') + 1)
  const [name = '', ...tags] = stem
    .slice(folder.length)
    .replace(/-\d{5}-of-\d{5}/, '')
    .split('.')
  return { base: folder + name, variant: [...tags, ...(tag ? [tag] : [])].join('.') }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
