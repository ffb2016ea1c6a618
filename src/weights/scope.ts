import { CheckpointError, GraphError } from '../errors.ts'
import { sameShape } from '../graph/dims.ts'
import { fitsPadded } from '../graph/encoding.ts'
import { type DType, elementCount } from '../tensor/dtype.ts'
import type { Adaptation, Adaptations } from './adapters/adapt.ts'
import type { Weights } from './checkpoint.ts'
import { closestKeys } from './closest-keys.ts'
import type { TensorLocation } from './tensor-location.ts'

/** How `take` may return something else than the tensor as it is stored. */
export interface TakeOptions {
  /** Shape to return, of as many elements: the row-major data is read under it. */
  readonly as?: readonly number[]
  /** Dtypes that will do; by default every float. */
  readonly dtypes?: readonly DType[]
}

/** The tensors that one graph uses. */
export interface GraphWeights {
  /** Whether the checkpoint has the tensor. Does not count as a use. */
  has(key: string): boolean
  /** The shape of a tensor in the file. Does not count as a use. */
  shapeOf(key: string): readonly number[] | undefined
  /**
   * Uses a tensor.
   * @param shape the shape that it has to have in the file
   * @throws CheckpointError `checkpoint/tensors` when it is missing or has another shape or dtype
   * @throws GraphError `graph/invalid` when this graph has taken it before
   */
  take(key: string, shape: readonly number[], options?: TakeOptions): TensorLocation
  /**
   * Uses a tied tensor, which a checkpoint may hold under any or several of the names; all that are there count as
   * used and have to agree in shape and dtype. The first one there is returned.
   * @throws as `take`
   */
  takeOneOf(keys: readonly string[], shape: readonly number[], options?: TakeOptions): TensorLocation
  /** Tensors that adapters add to the tensor, which the graph has to add. */
  additions(key: string): Adaptation['additions']
  /** Products of matrices that adapters add to the tensor, which the graph has to add. */
  lowRank(key: string): Adaptation['lowRank']
  /** Whether the linear layer of a matrix multiplies in 8-bit floats. */
  inFloat8(key: string): boolean
}

export interface GraphWeightsOptions {
  /** Whether the linear layer of a matrix multiplies in 8-bit floats. @default none does */
  readonly inFloat8?: (key: string) => boolean
}

const floats: readonly DType[] = ['f32', 'bf16', 'f16', 'f8e4m3', 'f8e5m2', 'f64']

/**
 * Keeps account of the tensors of one component while its graphs are built, so that none is forgotten: each has to be
 * used by some graph or be ignored by name. A tensor may be used by several graphs, but once by each.
 */
export class WeightLedger {
  readonly #weights: Weights
  readonly #adaptations: Adaptations
  readonly #used = new Set<string>()
  readonly #asked = { additions: new Set<string>(), lowRank: new Set<string>() }

  constructor(weights: Weights, adaptations: Adaptations = new Map()) {
    this.#weights = weights
    this.#adaptations = adaptations
  }

  /** The account of one more graph. `name` appears in errors, e.g. `decoder`. */
  graph(name: string, { inFloat8 = () => false }: GraphWeightsOptions = {}): GraphWeights {
    const taken = new Set<string>()
    const takeOneOf: GraphWeights['takeOneOf'] = (keys, shape, options = {}) => {
      const present = keys.flatMap(key => this.#weights.tensors.get(key) ?? [])
      const [first, ...tied] = present
      if (first === undefined) throw this.#missing(keys)
      for (const location of present) {
        this.#check(location, shape, options.dtypes ?? floats)
        this.#use(location.key, name, taken)
      }
      const other = tied.find(({ dtype }) => dtype !== first.dtype)
      if (other !== undefined)
        throw mismatch(other, `${first.dtype}, as ${first.key} that it is tied to`, other.dtype)
      const as = sameCount(first.key, shape, options.as ?? shape)
      return sameShape(as, first.shape) ? first : { ...first, shape: as }
    }
    return {
      has: key => this.#weights.tensors.has(key),
      shapeOf: key => this.#weights.tensors.get(key)?.shape,
      take: (key, shape, options) => takeOneOf([key], shape, options),
      takeOneOf,
      additions: key => this.#adaptation(key, 'additions'),
      lowRank: key => this.#adaptation(key, 'lowRank'),
      inFloat8,
    }
  }

  /** Keys that no graph has used so far, in the order of the files. */
  unused(): string[] {
    return [...this.#weights.tensors.keys()].filter(key => !this.#used.has(key))
  }

  /**
   * Closes the account.
   * @param ignored exact keys or patterns of tensors that the family knows and does not need
   * @throws CheckpointError `checkpoint/tensors` when a tensor was neither used nor ignored, or not adapted as it should
   */
  assertAllUsed({ ignored = [] }: { readonly ignored?: readonly (string | RegExp)[] } = {}): void {
    this.#checkAdaptations()
    const unexpected = this.unused().filter(key => !ignored.some(rule => matches(rule, key)))
    if (unexpected.length === 0) return
    const shown = unexpected.slice(0, 10).map(key => describe(this.#weights.tensors.get(key)!))
    const rest = unexpected.length > shown.length ? ` and ${unexpected.length - shown.length} more` : ''
    throw new CheckpointError('checkpoint/tensors', {
      subject: this.#weights.folder,
      expected: 'only tensors that the model uses',
      got: `${unexpected.length} unexpected: ${shown.join(', ')}${rest}`,
      advice: 'The checkpoint is of another model or version than its config says.',
    })
  }

  #adaptation<K extends keyof Adaptation>(key: string, kind: K): Adaptation[K] | [] {
    this.#asked[kind].add(key)
    return this.#adaptations.get(key)?.[kind] ?? []
  }

  /** Adapters may name tensors that no graph can adapt: a table, or a kernel that is used as one. */
  #checkAdaptations(): void {
    const kinds = ['additions', 'lowRank'] as const
    const strays = [...this.#adaptations].flatMap(([key, adaptation]) => {
      return kinds.some(kind => adaptation[kind].length > 0 && !this.#asked[kind].has(key)) ? [key] : []
    })
    if (strays.length === 0) return
    throw new CheckpointError('checkpoint/tensors', {
      subject: 'adapters',
      expected: 'tensors that can be adapted',
      got: strays.join(', '),
      advice: 'Low-rank adapters apply to linear layers.',
    })
  }

  #check(location: TensorLocation, shape: readonly number[], dtypes: readonly DType[]): void {
    if (!dtypes.includes(location.dtype)) throw mismatch(location, dtypes.join(' or '), location.dtype)
    if (!fitsPadded(location.shape, shape, location.encoding ?? {}))
      throw mismatch(location, `shape [${shape.join(', ')}]`, `[${location.shape.join(', ')}]`)
  }

  #use(key: string, graph: string, taken: Set<string>): void {
    if (taken.has(key)) {
      throw new GraphError('graph/invalid', {
        subject: `${graph}: ${key}`,
        expected: 'one use',
        got: 'a second one',
      })
    }
    taken.add(key)
    this.#used.add(key)
  }

  #missing(keys: readonly string[]): CheckpointError {
    const closest = closestKeys(keys[0] ?? '', this.#weights.tensors.keys())
    return new CheckpointError('checkpoint/tensors', {
      subject: this.#weights.folder,
      expected: `a tensor ${keys.join(' or ')}`,
      got: 'none of that name',
      ...(closest.length > 0 && { advice: `The closest names there are ${closest.join(', ')}.` }),
    })
  }
}

function mismatch(location: TensorLocation, expected: string, got: string): CheckpointError {
  return new CheckpointError('checkpoint/tensors', {
    subject: `${location.file}: ${location.key}`,
    expected,
    got,
  })
}

function sameCount(key: string, shape: readonly number[], as: readonly number[]): readonly number[] {
  if (elementCount(shape) === elementCount(as)) return as
  const expected = `a shape of as many elements as [${shape.join(', ')}]`
  throw new GraphError('graph/invalid', { subject: key, expected, got: `[${as.join(', ')}]` })
}

function matches(rule: string | RegExp, key: string): boolean {
  // search() starts at the front whatever state a sticky or global pattern is in.
  return typeof rule === 'string' ? rule === key : key.search(rule) !== -1
}

function describe({ key, dtype, shape }: TensorLocation): string {
  return `${key} (${dtype} [${shape.join(', ')}])`
}
