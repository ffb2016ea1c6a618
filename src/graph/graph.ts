import { GraphError } from '../errors.ts'
import type { DType, FloatDType } from '../tensor/dtype.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { tensor } from '../tensor/tensor.ts'
import { type Shape, sameShape, shapeText } from './dims.ts'
import type { Attribute, ExternalTensor, Node } from './node.ts'

/** A tensor that the graph will compute: what every op takes and gives. */
export interface Value {
  readonly graph: Graph
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
}

export type Initializer =
  | { readonly name: string; readonly tensor: Tensor }
  | { readonly name: string; readonly external: ExternalTensor; readonly shape: readonly number[] }

export interface NodeSpec {
  readonly op: string
  readonly domain?: Node['domain']
  readonly inputs: readonly (Value | undefined)[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/**
 * An ONNX graph under construction. Ops (in `ops/`) check their operands, infer the result's shape and add a
 * node here; nothing is computed. Values belong to the graph that made them.
 */
export class Graph {
  readonly name: string
  /** The float type that weights are brought to and arithmetic is done in, where an op does not say otherwise. */
  readonly precision: FloatDType
  /** The folders of kernels/ whose operators the graph may use; where it may not, ONNX's own ops do the same. */
  readonly kernels: ReadonlySet<string>
  readonly nodes: Node[] = []
  readonly initializers: Initializer[] = []
  readonly inputs: Value[] = []
  readonly outputs: Value[] = []
  /** Intermediates that can be asked for as outputs. */
  readonly intermediates = new Map<string, Value>()
  /** Every input, constant, weight and result, by its name in the nodes. */
  readonly values = new Map<string, Value>()

  #path = ''
  /** Names that were asked for again, or that several results are called after: how often they were given. */
  #repeated = new Map<string, number>()
  #constants = new Map<string, Value>()
  #weights = new Map<string, Value>()

  constructor(name: string, options: { precision: FloatDType; kernels?: ReadonlySet<string> | undefined }) {
    this.name = name
    this.precision = options.precision
    this.kernels = options.kernels ?? new Set()
  }

  /** The scope that is being built, as a checkpoint key: `blocks.0.attn1`. */
  get path(): string {
    return this.#path
  }

  /** Runs a part of the construction one scope further down. */
  within<T>(name: string, body: () => T): T {
    const outside = this.#path
    this.#path = outside ? `${outside}.${name}` : name
    try {
      return body()
    } finally {
      this.#path = outside
    }
  }

  /** @throws GraphError when the name is taken */
  input(name: string, dtype: DType, shape: Shape): Value {
    if (this.#isTaken(name)) throw this.#taken('input', name)
    const value = this.#value(this.#unique(name), dtype, shape)
    this.inputs.push(value)
    return value
  }

  /**
   * Declares a value as an output under a name of its own.
   * @throws GraphError when the name is taken
   */
  output(name: string, value: Value): Value {
    if (this.#isTaken(name)) throw this.#taken('output', name)
    const output = this.add({ op: 'Identity', inputs: [value] }, value.dtype, value.shape, name)
    this.outputs.push(output)
    return output
  }

  /**
   * Marks an intermediate that a caller may ask for as an output.
   * @throws GraphError when another one has the name
   */
  named(name: string, value: Value): Value {
    if (this.intermediates.has(name)) throw this.#taken('named', name)
    this.intermediates.set(name, value)
    return value
  }

  /** Adds a node with one result. */
  add(spec: NodeSpec, dtype: DType, shape: Shape, name?: string): Value {
    const node = this.#nodeName(spec, name)
    this.#addNode(node, spec, [node])
    return this.#value(node, dtype, shape)
  }

  /** Adds a node with several results. */
  addMany(spec: NodeSpec, results: readonly { dtype: DType; shape: Shape }[], name?: string): Value[] {
    const [only] = results
    if (results.length === 1) return [this.add(spec, only!.dtype, only!.shape, name)]
    const node = this.#nodeName(spec, name)
    if (!this.#repeated.has(node)) this.#repeated.set(node, 1)
    const outputs = results.map((_, index) => `${node}:${index}`)
    this.#addNode(node, spec, outputs)
    return results.map(({ dtype, shape }, index) => this.#value(outputs[index]!, dtype, shape))
  }

  #nodeName({ op }: NodeSpec, name = this.#path ? `${this.#path}/${op}` : op): string {
    return this.#unique(name)
  }

  #addNode(name: string, spec: NodeSpec, outputs: readonly string[]): void {
    const { op, domain = '', attributes = noAttributes } = spec
    if (spec.inputs.some(input => input !== undefined && input.graph !== this)) {
      throw this.invalid(op, 'operands of this graph', 'one of another graph')
    }
    const inputs = spec.inputs.map(input => input?.name ?? '')
    this.nodes.push({ name, op, domain, inputs, outputs, attributes })
  }

  /** A constant; equal small constants are one initializer. */
  constant(source: Tensor): Value {
    if (source.data.length > 64) return this.#addConstant(source)
    return this.constantOnce(`${source.dtype}[${source.shape}]${source.data.join()}`, () => source)
  }

  /** The constant that a text stands for, made when it is first asked for. */
  constantOnce(key: string, make: () => Tensor): Value {
    const known = this.#constants.get(key)
    if (known) return known
    const value = this.#addConstant(make())
    this.#constants.set(key, value)
    return value
  }

  #addConstant(source: Tensor): Value {
    const name = this.#unique('constant')
    this.initializers.push({ name, tensor: source })
    return this.#value(name, source.dtype, source.shape)
  }

  /** A 1-D int64 constant, as shapes and axes are given to ops; equal ones are one initializer. */
  ints(values: readonly number[]): Value {
    return this.constantOnce(`i64[${values.length}]${values.join()}`, () => {
      return tensor('i64', [values.length], BigInt64Array.from(values, BigInt))
    })
  }

  /** A weight that stays in its file, in its stored dtype; `shape` may re-interpret its dimensions. */
  weight(name: string, external: ExternalTensor, shape: readonly number[] = external.shape): Value {
    const known = this.#weights.get(name)
    if (known) {
      if (!sameShape(known.shape, shape)) {
        throw this.invalid(name, `the shape of its first use ${shapeText(known.shape)}`, shapeText(shape))
      }
      return known
    }
    const value = this.#value(this.#unique(name), external.dtype, shape)
    this.initializers.push({ name: value.name, external, shape })
    this.#weights.set(name, value)
    return value
  }

  /** An error that names the scope, the op, what was expected and what came. */
  invalid(op: string, expected: string, got: string): GraphError {
    const subject = this.path ? `${this.name}: ${this.path}: ${op}` : `${this.name}: ${op}`
    return new GraphError('graph/invalid', { subject, expected, got })
  }

  #value(name: string, dtype: DType, shape: Shape): Value {
    const value = { graph: this, name, dtype, shape }
    this.values.set(name, value)
    return value
  }

  #taken(role: string, name: string): GraphError {
    return this.invalid(role, 'a name of its own', `${name}, which is taken`)
  }

  #isTaken(name: string): boolean {
    return this.values.has(name) || this.#repeated.has(name)
  }

  #unique(name: string): string {
    const count = this.#repeated.get(name) ?? (this.values.has(name) ? 1 : 0)
    if (count === 0) return name
    this.#repeated.set(name, count + 1)
    return `${name}#${count}`
  }
}

const noAttributes: Node['attributes'] = Object.freeze({})
