/** `prediction.md`: the times that measurements are compared with. */
import { decoders, ownTarget, transformerCost, transformers } from './predicted-networks.ts'
import { accelerators, type Counted } from './predicted-times.ts'

/** The text of the page. */
export function predictionPage(): string {
  const kinds = [
    { name: 'ops of ONNX', target: {} },
    { name: 'our kernels', target: ownTarget },
    { name: 'our kernels, fp8', target: ownTarget, inFloat8: true },
  ]
  const rows = transformers.flatMap(each =>
    kinds.map(kind => {
      const about = `${each.model}, ${each.width}×${each.height}, 81 frames`
      return { about, kind: kind.name, ...transformerCost(each, kind.target, kind.inFloat8) }
    }),
  )
  const network = ['network', 'norms, gates, rotations, biases by']
  const ofDecoders = decoders.flatMap(({ about, chunk, cost }) =>
    kinds
      .filter(({ inFloat8 }) => !inFloat8)
      .map(({ name, target }) => [about, String(chunk), name, ...figures(cost(target), 1)]),
  )
  return [
    '# Predicted times',
    '',
    'Counted from the graphs by `node dist/bench/gpu/prediction.js bench/gpu/prediction.md`; nothing of it was measured. An',
    'op takes the longest of its FLOPs over a rate, its bytes over a bandwidth, and 3 µs. Passes are ops that only memory',
    'counts for: norms, elementwise ops, copies. What ONNX Runtime joins when it loads a graph is counted apart. What a GPU',
    'is assumed to reach in 16 bits, and in matrix products of 8-bit floats:',
    '',
    table(
      ['', 'matrix products', 'in fp8', 'attention', 'convolutions', 'memory'],
      accelerators.map(({ name, flops, float8Flops, bandwidth }) => [
        name,
        ...[flops.matmul, float8Flops, flops.attention, flops.convolution].map(
          each => `${(each! / 1e12).toFixed(0)} TFLOP/s`,
        ),
        `${(bandwidth / 1e12).toFixed(2)} TB/s`,
      ]),
    ),
    '',
    '## A layer of a transformer, in bf16 unless fp8 is said',
    '',
    table(
      [...network, ...figureNames('ms')],
      rows.map(({ about, kind, layer }) => [about, kind, ...figures(layer, 1e3)]),
    ),
    '',
    '## A pass of all layers, prompt of 100 tokens',
    '',
    'A step with guidance has two.',
    '',
    table(
      [...network, ...figureNames('s')],
      rows.map(({ about, kind, pass }) => [about, kind, ...figures(pass, 1)]),
    ),
    '',
    '## Decoders in f16, a clip of 832×480',
    '',
    table(['decoder', 'latent frames at a time', 'norms and windows by', ...figureNames('s')], ofDecoders),
    '',
  ].join('\n')
}

/** The columns of {@link figures}. */
function figureNames(unit: 'ms' | 's'): string[] {
  return ['ops', 'GB', 'of passes', 'TFLOP', ...accelerators.map(({ name }) => `${name}, ${unit}`)]
}

function figures({ nodes, bytes, passBytes, flops, seconds }: Counted, scale: number): string[] {
  const short = (value: number) => value.toPrecision(3)
  return [
    String(nodes),
    ...[bytes, passBytes].map(each => (each / 1e9).toFixed(1)),
    (flops / 1e12).toFixed(1),
    ...seconds.map(each => short(scale * each)),
  ]
}

/** A table of Markdown with columns of one width. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) => Math.max(name.length, 3, ...rows.map(row => row[column]!.length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
