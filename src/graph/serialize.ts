import proto, { type onnx } from 'onnx-proto'
import type { Tensor } from '../tensor/tensor.ts'
import type { Shape } from './dims.ts'
import type { Graph, Initializer, Value } from './graph.ts'
import type { Attribute, ExternalTensor, Node } from './node.ts'
import { onnxDType } from './onnx-dtype.ts'

const { AttributeProto, ModelProto, TensorProto } = proto.onnx

/** The ONNX version that graphs are written in: the first opset with RMSNormalization and RotaryEmbedding is 23. */
const opset = 23
const irVersion = 11

/** Of operators that only ONNX Runtime knows, and those that only a session with our kernels does. */
const extraDomains = ['com.microsoft', 'framewright'] as const

export interface SerializeOptions {
  /** How a weight's file is spelled in the model: relative to the folder that the runtime is told. */
  readonly locate: (file: string) => string
  /** Intermediates to return as outputs, by the name they were given. */
  readonly capture?: readonly string[]
}

/** The bytes of an ONNX ModelProto. Weights are references into their files. */
export function serialize(graph: Graph, options: SerializeOptions): Uint8Array {
  const captured = (options.capture ?? []).map(name => captureOf(graph, name))
  const model = {
    irVersion,
    producerName: 'framewright',
    opsetImport: [
      { domain: '', version: opset },
      ...extraDomains.flatMap(domain => {
        return graph.nodes.some(node => node.domain === domain) ? [{ domain, version: 1 }] : []
      }),
    ],
    graph: {
      name: graph.name,
      node: graph.nodes.map(nodeProto).concat(captured.map(capture => nodeProto(capture.node))),
      initializer: graph.initializers.map(initializer => initializerProto(initializer, options)),
      input: graph.inputs.map(value => valueInfo(value.name, value)),
      output: [
        ...graph.outputs.map(value => valueInfo(value.name, value)),
        ...captured.map(capture => valueInfo(capture.name, capture.value)),
      ],
    },
  }
  return ModelProto.encode(model).finish()
}

function captureOf(graph: Graph, name: string): { name: string; value: Value; node: Node } {
  const value = graph.intermediates.get(name)
  if (!value) {
    const known = [...graph.intermediates.keys()].join(', ') || 'none'
    throw graph.invalid('capture', `one of the named intermediates (${known})`, name)
  }
  const node: Node = {
    name: `capture/${name}`,
    op: 'Identity',
    domain: '',
    inputs: [value.name],
    outputs: [name],
    attributes: {},
  }
  return { name, value, node }
}

function nodeProto(node: Node): onnx.INodeProto {
  return {
    name: node.name,
    opType: node.op,
    domain: node.domain,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, attribute]) => attributeProto(name, attribute)),
  }
}

function attributeProto(name: string, attribute: Attribute): onnx.IAttributeProto {
  const { AttributeType } = AttributeProto
  if ('int' in attribute) return { name, type: AttributeType.INT, i: attribute.int }
  if ('float' in attribute) return { name, type: AttributeType.FLOAT, f: attribute.float }
  if ('ints' in attribute) return { name, type: AttributeType.INTS, ints: [...attribute.ints] }
  return { name, type: AttributeType.STRING, s: Buffer.from(attribute.string) }
}

function initializerProto(initializer: Initializer, options: SerializeOptions): onnx.ITensorProto {
  const { name } = initializer
  if ('tensor' in initializer) return { name, ...inlineProto(initializer.tensor) }
  const { external, shape } = initializer
  return { name, dims: [...shape], dataType: onnxDType(external.dtype), ...externalProto(external, options) }
}

function inlineProto({ dtype, shape, data }: Tensor): onnx.ITensorProto {
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return { dims: [...shape], dataType: onnxDType(dtype), rawData }
}

function externalProto(external: ExternalTensor, { locate }: SerializeOptions): onnx.ITensorProto {
  return {
    dataLocation: TensorProto.DataLocation.EXTERNAL,
    externalData: [
      { key: 'location', value: locate(external.file) },
      { key: 'offset', value: String(external.offset) },
      { key: 'length', value: String(external.bytes) },
    ],
  }
}

function valueInfo(
  name: string,
  { dtype, shape }: { dtype: Value['dtype']; shape: Shape },
): onnx.IValueInfoProto {
  const dim = shape.map(each => (typeof each === 'number' ? { dimValue: each } : { dimParam: each }))
  return { name, type: { tensorType: { elemType: onnxDType(dtype), shape: { dim } } } }
}
