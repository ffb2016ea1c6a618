import { Graph } from '../src/graph/graph.ts'
import type { Node } from '../src/graph/node.ts'
import { dtypeOfOnnx, onnxDType } from '../src/graph/onnx-dtype.ts'
import type { DType } from '../src/tensor/dtype.ts'

/**
 * A graph in bf16 or f16 as a CPU can run it: every result of those types is computed in f32, rounded to its type, and
 * given on in f32. That is the arithmetic of GPUs, which add up in f32 and round what they store; the order in which
 * they add differs.
 */
export function roundedGraph(source: Graph): Graph {
  const half = source.precision
  if (half === 'f32') throw new TypeError('graph: expected one in bf16 or f16, got f32.')
  const result = new Graph(source.name, { precision: 'f32' })
  const dtypes = new Map<string, DType>()
  const cast = (input: string, output: string, dtype: DType): Node => {
    const attributes = { to: { int: onnxDType(dtype) } }
    return { name: `round/${output}`, op: 'Cast', domain: '', inputs: [input], outputs: [output], attributes }
  }
  /** What a value of the source is called in the result, where it is f32. */
  const widened = new Map<string, string>()

  for (const input of source.inputs) dtypes.set(input.name, input.dtype)
  result.inputs.push(...source.inputs)
  for (const initializer of source.initializers) {
    const { dtype } = 'tensor' in initializer ? initializer.tensor : initializer.external
    dtypes.set(initializer.name, dtype)
    result.initializers.push(initializer)
    if (dtype !== half) continue
    widened.set(initializer.name, `${initializer.name}/wide`)
    result.nodes.push(cast(initializer.name, `${initializer.name}/wide`, 'f32'))
  }
  for (const node of source.nodes) {
    const dtype = resultOf(node, dtypes)
    for (const output of node.outputs) dtypes.set(output, dtype)
    const inputs = node.inputs.map(input => widened.get(input) ?? input)
    if (dtype !== half) {
      result.nodes.push({ ...node, inputs })
      continue
    }
    const attributes = node.op === 'Cast' ? { to: { int: onnxDType('f32') } } : node.attributes
    result.nodes.push({ ...node, inputs, attributes, outputs: node.outputs.map(output => `${output}/exact`) })
    for (const output of node.outputs) {
      result.nodes.push(
        cast(`${output}/exact`, `${output}/half`, half),
        cast(`${output}/half`, output, 'f32'),
      )
    }
  }
  result.outputs.push(...source.outputs)
  for (const [name, value] of source.intermediates) result.intermediates.set(name, value)
  return result
}

function resultOf({ op, inputs, attributes }: Node, dtypes: ReadonlyMap<string, DType>): DType {
  if (op === 'Shape') return 'i64'
  const { to } = attributes
  if (op === 'Cast' && to && 'int' in to) return dtypeOfOnnx(to.int)!
  const first = op === 'Where' ? inputs[1]! : inputs[0]!
  return dtypes.get(first)!
}
