import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError, messageOf } from '../errors.ts'
import { downloadAgain } from './weights-file.ts'

/** The files that hold a component's weights, or the index that names them. */
export interface FoundWeights {
  /** Of the .safetensors files; where there is an index, of that. */
  readonly paths: readonly [string, ...string[]]
  /** Whether `paths` is an index of shards. */
  readonly indexed: boolean
}

interface Candidate extends FoundWeights {
  readonly name: string
  /** `fp16` of `model.fp16.safetensors`; '' for the plain name. */
  readonly variant: string
}

/** What diffusers and transformers call weights. */
const baseNames = ['diffusion_pytorch_model', 'model'] as const

/**
 * Finds the weights in a component's folder. The plain name wins over variants (`model.fp16.safetensors`); one variant
 * alone is accepted, and so is a single file, or one whole set of shards without an index, of any other name.
 * @throws CheckpointError `checkpoint/not-found` when there are none or it is not clear which are meant
 */
export async function findWeights(folder: string, baseName?: string): Promise<FoundWeights> {
  const names = await list(folder)
  const bases = baseName === undefined ? baseNames : [baseName]
  const named = bases.flatMap(base => names.flatMap(name => candidateOf(folder, name, base) ?? []))
  const plain = named.filter(candidate => candidate.variant === '')
  const others = named.length === 0 && baseName === undefined ? otherNames(folder, names) : []
  const candidates = [plain, named, others].find(each => each.length > 0) ?? []
  const [chosen] = candidates
  if (chosen === undefined) throw noneFound(folder, names, bases)
  if (candidates.length > 1) throw several(folder, candidates)
  return chosen
}

/** The one GGUF file of a component's folder that holds no other weights. */
export async function ggufIn(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch((): string[] => [])
  const [file, ...others] = names.filter(name => name.endsWith('.gguf'))
  const plain = names.some(name => name.endsWith('.safetensors'))
  return file !== undefined && others.length === 0 && !plain ? join(folder, file) : undefined
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (cause) {
    const what = { subject: folder, expected: 'a folder with weights', got: messageOf(cause) }
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new CheckpointError(
      'checkpoint/not-found',
      { ...what, ...(missing && { got: 'none', advice: downloadAgain }) },
      { cause },
    )
  }
}

/** Reads `base[.variant].safetensors` and `base.safetensors.index[.variant].json`. */
function candidateOf(folder: string, name: string, base: string): Candidate | undefined {
  if (!name.startsWith(`${base}.`)) return undefined
  const rest = name.slice(base.length)
  const match =
    /^(?:\.(\w+))?\.safetensors$/.exec(rest) ?? /^\.safetensors\.index(?:\.(\w+))?\.json$/.exec(rest)
  if (match === null) return undefined
  return { name, paths: [join(folder, name)], indexed: name.endsWith('.json'), variant: match[1] ?? '' }
}

/** Weights under a name of their own, as single files are downloaded: `x.safetensors`, `x-00001-of-00004.safetensors`. */
function otherNames(folder: string, names: readonly string[]): Candidate[] {
  const sets = new Map<string, { name: string; of: number }[]>()
  for (const name of names.filter(each => each.endsWith('.safetensors'))) {
    const shard = /^(.+)-\d{5}-of-(\d{5})(\.\w+)?\.safetensors$/.exec(name)
    const set = shard ? `${shard[1]}-of-${shard[2]}${shard[3] ?? ''}` : name
    sets.set(set, [...(sets.get(set) ?? []), { name, of: Number(shard?.[2] ?? 1) }])
  }
  return [...sets.values()].map(files => {
    const [first, ...rest] = files
    if (first === undefined || files.length !== first.of) throw missingShards(folder, files)
    const path = ({ name }: { name: string }) => join(folder, name)
    return { name: first.name, paths: [path(first), ...rest.map(path)], indexed: false, variant: '' }
  })
}

function missingShards(folder: string, files: readonly { name: string; of: number }[]): CheckpointError {
  return new CheckpointError('checkpoint/not-found', {
    subject: folder,
    expected: `the ${files[0]?.of} shards of one set of weights`,
    got: files.map(({ name }) => name).join(', '),
    advice: downloadAgain,
  })
}

function several(folder: string, candidates: readonly Candidate[]): CheckpointError {
  return new CheckpointError('checkpoint/not-found', {
    subject: folder,
    expected: 'one set of weights',
    got: candidates.map(({ name }) => name).join(', '),
    advice: 'Move the ones that are not meant to another folder.',
  })
}

/** Weights in other formats, by their suffix: what they are, and what to use instead. */
const otherFormats = [
  {
    suffix: /\.gguf$/i,
    what: 'a GGUF file',
    advice:
      'One GGUF file of a transformer, text encoder or VAE is read where its folder holds no other weights.',
  },
  {
    suffix: /\.(bin|pt|pth|ckpt)(\.index\.json)?$/,
    what: 'only pickled weights',
    advice: 'Weights have to be .safetensors: pull a revision that has them.',
  },
  { suffix: /\.(part|incomplete|aria2|crdownload)$/, what: 'a download that was cut', advice: downloadAgain },
] as const

function noneFound(folder: string, names: readonly string[], bases: readonly string[]): CheckpointError {
  const expected = bases.map(base => `${base}.safetensors or ${base}.safetensors.index.json`).join(', or ')
  for (const { suffix, what, advice } of otherFormats) {
    const name = names.find(each => suffix.test(each))
    if (name === undefined) continue
    const got = `${what} (${name})`
    return new CheckpointError('checkpoint/not-found', { subject: folder, expected, got, advice })
  }
  const got = names.length === 0 ? 'an empty folder' : `${names.slice(0, 5).join(', ')}`
  return new CheckpointError('checkpoint/not-found', {
    subject: folder,
    expected,
    got,
    advice: downloadAgain,
  })
}
