import type { Shape } from './dims.ts'
import type { Graph, Initializer, Value } from './graph.ts'
import type { Attribute, ExternalTensor, Node } from './node.ts'
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
  const graphProto = new ProtobufMessage()
    .messages(1, nodes.map(nodeProto))
    .text(2, graph.name)
    .messages(
      5,
      graph.initializers.map(initializer => initializerProto(initializer, options)),
    )
    .messages(11, graph.inputs.map(valueInfo))
    .messages(12, outputs.map(valueInfo))
  return new ProtobufMessage()
    .int(1, irVersion)
    .text(2, 'framewright')
    .messages(7, [graphProto])
    .messages(8, [opsetImport('', opset), ...domains.map(domain => opsetImport(domain, 1))])
    .finish()
}

function opsetImport(domain: string, version: number): ProtobufMessage {
  return new ProtobufMessage().text(1, domain).int(2, version)
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

function nodeProto({ name, op, domain, inputs, outputs, attributes }: Node): ProtobufMessage {
  const proto = new ProtobufMessage()
  for (const input of inputs) proto.text(1, input)
  for (const output of outputs) proto.text(2, output)
  return proto
    .text(3, name)
    .text(4, op)
    .messages(
      5,
      Object.entries(attributes).map(([each, attribute]) => attributeProto(each, attribute)),
    )
    .text(7, domain)
}

/** AttributeProto.AttributeType */
const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const

function attributeProto(name: string, attribute: Attribute): ProtobufMessage {
  const proto = new ProtobufMessage().text(1, name)
  if ('int' in attribute) return proto.int(3, attribute.int).int(20, attributeTypes.int)
  if ('float' in attribute) return proto.float(2, attribute.float).int(20, attributeTypes.float)
  if ('ints' in attribute) return proto.ints(8, attribute.ints).int(20, attributeTypes.ints)
  return proto.text(4, attribute.string).int(20, attributeTypes.string)
}

/** TensorProto.DataLocation */
const external = 1

function initializerProto(initializer: Initializer, options: SerializeOptions): ProtobufMessage {
  const { name } = initializer
  if ('tensor' in initializer) {
    const { dtype, shape, data } = initializer.tensor
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    return new ProtobufMessage().ints(1, shape).int(2, onnxDType(dtype)).text(8, name).bytes(9, raw)
  }
  return new ProtobufMessage()
    .ints(1, initializer.shape)
    .int(2, onnxDType(initializer.external.dtype))
    .text(8, name)
    .messages(13, externalData(initializer.external, options))
    .int(14, external)
}

function externalData(
  { file, offset, bytes }: ExternalTensor,
  { locate }: SerializeOptions,
): ProtobufMessage[] {
  const entries = { location: locate(file), offset: String(offset), length: String(bytes) }
  return Object.entries(entries).map(([key, value]) => new ProtobufMessage().text(1, key).text(2, value))
}

function valueInfo({
  name,
  dtype,
  shape,
}: {
  name: string
  dtype: Value['dtype']
  shape: Shape
}): ProtobufMessage {
  const dims = shape.map(each => {
    return typeof each === 'number' ? new ProtobufMessage().int(1, each) : new ProtobufMessage().text(2, each)
  })
  const tensorType = new ProtobufMessage()
    .int(1, onnxDType(dtype))
    .messages(2, [new ProtobufMessage().messages(1, dims)])
  return new ProtobufMessage().text(1, name).messages(2, [new ProtobufMessage().messages(1, [tensorType])])
}
