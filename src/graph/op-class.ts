/** What an op's time is spent on: `other` is an op that this table does not know. */
export type OpClass =
  | 'matmul'
  | 'attention'
  | 'convolution'
  | 'reduction'
  | 'elementwise'
  | 'layout'
  | 'view'
  | 'other'

export const opClasses: readonly OpClass[] = [
  'matmul',
  'attention',
  'convolution',
  'reduction',
  'elementwise',
  'layout',
  'view',
  'other',
]

/** Ops that the builder emits, and those that ONNX Runtime's optimizers make of them. */
const opsOf: Readonly<Record<Exclude<OpClass, 'other'>, readonly string[]>> = {
  matmul: [
    'MatMul',
    'FusedMatMul',
    'FusedMatMulActivation',
    'Gemm',
    'FusedGemm',
    'GemmFastGelu',
    'Linear',
    'LinearFloat8',
  ],
  attention: ['MultiHeadAttention', 'Attention'],
  convolution: ['Conv', 'ConvTranspose', 'FusedConv', 'NhwcFusedConv', 'NhwcConv'],
  // Norms, means and pools, and our kernels of a norm with what follows it.
  reduction: [
    'LayerNormalization',
    'RMSNormalization',
    'SimplifiedLayerNormalization',
    'SkipLayerNormalization',
    'SkipSimplifiedLayerNormalization',
    'NormModulate',
    'NormSiluPlaces',
    'NormSiluWindows',
    'QkNormRope',
    'RoundNorm',
    'RoundResidualNorm',
    'RoundRows',
    'RoundSums',
    'ResidualNorm',
    'ReduceL2',
    'ReduceMax',
    'ReduceMean',
    'ReduceSum',
    'AveragePool',
    'Softmax',
  ],
  elementwise: [
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Max',
    'Pow',
    'Cos',
    'Sin',
    'Sqrt',
    'Exp',
    'Log',
    'LeakyRelu',
    'Round',
    'Floor',
    'Mod',
    'BitShift',
    'BitwiseAnd',
    'Where',
    'Clip',
    'Cast',
    'Sigmoid',
    'Tanh',
    'Gelu',
    'FastGelu',
    'BiasGelu',
    'QuickGelu',
    'GatedResidual',
    'RotaryEmbedding',
  ],
  // They move elements and compute nothing.
  layout: [
    'Concat',
    'DepthToSpace',
    'Expand',
    'Gather',
    'Pad',
    'ReorderInput',
    'ReorderOutput',
    'Resize',
    'Slice',
    'SpaceToDepth',
    'Split',
    'Tile',
    'Transpose',
    'Upsample',
    'MemcpyFromHost',
    'MemcpyToHost',
  ],
  // They only say how the same bytes are read.
  view: ['Flatten', 'Identity', 'Reshape', 'Shape', 'Size', 'Squeeze', 'Unsqueeze'],
}

const classes = new Map<string, OpClass>(
  Object.entries(opsOf).flatMap(([name, ops]) => ops.map(op => [op, name as OpClass] as const)),
)

export function opClassOf(op: string): OpClass {
  return classes.get(op) ?? 'other'
}
