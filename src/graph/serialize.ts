import type { Shape } from './dims.ts'
import type { Graph, Initializer, Value } from './graph.ts'
import type { Attribute, Node } from './node.ts'
import { onnxDType } from './onnx-dtype.ts'
import { ProtobufMessage } from './protobuf.ts'

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
  const domains = extraDomains.filter(domain => graph.nodes.some(node => node.domain === domain))
  const nodes = [...graph.nodes, ...captured.map(capture => capture.node)]
  const outputs = [
    ...graph.outputs,
    ...captured.map(({ name, value }) => ({ name, dtype: value.dtype, shape: value.shape })),
  ]
  // The numbers are those of the fields of onnx.proto3.
  const writeGraph = (proto: ProtobufMessage) => {
    for (const node of nodes) proto.message(1, message => writeNode(message, node))
    proto.text(2, graph.name)
    for (const each of graph.initializers)
      proto.message(5, message => writeInitializer(message, each, options))
    for (const input of graph.inputs) proto.message(11, message => writeValueInfo(message, input))
    for (const output of outputs) proto.message(12, message => writeValueInfo(message, output))
  }
  const model = new ProtobufMessage().int(1, irVersion).text(2, 'framewright').message(7, writeGraph)
  for (const [domain, version] of [['', opset] as const, ...domains.map(domain => [domain, 1] as const)]) {
    model.message(8, message => message.text(1, domain).int(2, version))
  }
  return model.finish()
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

function writeNode(proto: ProtobufMessage, { name, op, domain, inputs, outputs, attributes }: Node): void {
  for (const input of inputs) proto.text(1, input)
  for (const output of outputs) proto.text(2, output)
  proto.text(3, name).text(4, op)
  for (const [each, attribute] of Object.entries(attributes)) {
    proto.message(5, message => writeAttribute(message, each, attribute))
  }
  proto.text(7, domain)
}

/** AttributeProto.AttributeType */
const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const

function writeAttribute(proto: ProtobufMessage, name: string, attribute: Attribute): void {
  proto.text(1, name)
  if ('int' in attribute) proto.int(3, attribute.int).int(20, attributeTypes.int)
  else if ('float' in attribute) proto.float(2, attribute.float).int(20, attributeTypes.float)
  else if ('ints' in attribute) proto.ints(8, attribute.ints).int(20, attributeTypes.ints)
  else proto.text(4, attribute.string).int(20, attributeTypes.string)
}

/** TensorProto.DataLocation */
const external = 1

function writeInitializer(
  proto: ProtobufMessage,
  initializer: Initializer,
  { locate }: SerializeOptions,
): void {
  const { name } = initializer
  if ('tensor' in initializer) {
    const { dtype, shape, data } = initializer.tensor
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    proto.ints(1, shape).int(2, onnxDType(dtype)).text(8, name).bytes(9, raw)
    return
  }
  const { dtype, file, offset, bytes } = initializer.external
  proto.ints(1, initializer.shape).int(2, onnxDType(dtype)).text(8, name)
  const entries = { location: locate(file), offset: String(offset), length: String(bytes) }
  for (const [key, value] of Object.entries(entries)) {
    proto.message(13, message => message.text(1, key).text(2, value))
  }
  proto.int(14, external)
}

function writeValueInfo(
  proto: ProtobufMessage,
  { name, dtype, shape }: { readonly name: string; readonly dtype: Value['dtype']; readonly shape: Shape },
): void {
  const writeShape = (message: ProtobufMessage) => {
    for (const dim of shape) {
      message.message(1, each => (typeof dim === 'number' ? each.int(1, dim) : each.text(2, dim)))
    }
  }
  const writeTensor = (message: ProtobufMessage) => message.int(1, onnxDType(dtype)).message(2, writeShape)
  proto.text(1, name).message(2, type => type.message(1, writeTensor))
}
