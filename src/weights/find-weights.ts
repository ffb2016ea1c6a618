import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError, messageOf } from '../errors.ts'

/** The file that leads to a component's weights: the only .safetensors file, or the index of its shards. */
export interface FoundWeights {
  readonly path: string
  readonly sharded: boolean
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
 * alone is accepted.
 * @throws CheckpointError `checkpoint/not-found` when there are none or it is not clear which are meant
 */
export async function findWeights(folder: string, baseName?: string): Promise<FoundWeights> {
  const names = await list(folder)
  const bases = baseName === undefined ? baseNames : [baseName]
  const candidates = bases.flatMap(base => names.flatMap(name => candidateOf(folder, name, base) ?? []))
  const plain = candidates.filter(candidate => candidate.variant === '')
  const [chosen, ...others] = plain.length > 0 ? plain : candidates
  if (chosen === undefined) throw noneFound(folder, names, bases)
  if (others.length > 0) {
    const got = [chosen, ...others].map(({ name }) => name).join(', ')
    const advice = 'Move the ones that are not meant to another folder.'
    throw new CheckpointError('checkpoint/not-found', {
      subject: folder,
      expected: 'one set of weights',
      got,
      advice,
    })
  }
  return chosen
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (cause) {
    const what = { subject: folder, expected: 'a folder with weights', got: messageOf(cause) }
    throw new CheckpointError('checkpoint/not-found', what, { cause })
  }
}

/** Reads `base[.variant].safetensors` and `base.safetensors.index[.variant].json`. */
function candidateOf(folder: string, name: string, base: string): Candidate | undefined {
  if (!name.startsWith(`${base}.`)) return undefined
  const rest = name.slice(base.length)
  const match =
    /^(?:\.(\w+))?\.safetensors$/.exec(rest) ?? /^\.safetensors\.index(?:\.(\w+))?\.json$/.exec(rest)
  if (match === null) return undefined
  return { name, path: join(folder, name), sharded: name.endsWith('.json'), variant: match[1] ?? '' }
}

function noneFound(folder: string, names: readonly string[], bases: readonly string[]): CheckpointError {
  const expected = bases.map(base => `${base}.safetensors or ${base}.safetensors.index.json`).join(', or ')
  const pickled = names.find(name => /\.(bin|pt|pth|ckpt)(\.index\.json)?$/.test(name))
  const [got, advice] =
    pickled === undefined
      ? [names.length === 0 ? 'an empty folder' : names.slice(0, 5).join(', '), 'Download the folder again.']
      : [
          `only pickled weights (${pickled})`,
          'Weights have to be .safetensors: pull a revision that has them.',
        ]
  return new CheckpointError('checkpoint/not-found', { subject: folder, expected, got, advice })
}
