import { kitTasks, type StageOptions } from './kit-tasks.ts'
import type { Stage, Task } from './tasks.ts'

const large = 'wan-t2v-14b'
const small = 'wan-t2v-1.3b'
const largeLayers = 40

/** The measurements, from the most valuable on. */
export function gpuStages(options: StageOptions): readonly Stage[] {
  const { layers } = options
  const onGpu = options.device !== 'cpu'
  const pair = layers === undefined ? ([2, 6] as const) : ([layers, layers + 1] as const)
  const more = ['--layers', String(pair[1])]
  const cut = layers === undefined ? [] : ['--layers', String(layers)]
  const { kernels } = options
  const usedBy = (network: string) => kernels.filter(each => (leftOutOf[each] ?? 'transformer') === network)
  const [ofTransformer, ofDecoder, ofFloat8] = [usedBy('transformer'), usedBy('decoder'), usedBy('fp8')]
  const { bench, peer, own, doctor, limits } = kitTasks(options)
  const plain = [...cut, '--no-profile']
  const inFloat8 = (name: string, leftOut?: string) =>
    bench(name, 'step', large, [...more, '--no-profile', '--precision', 'fp8'], leftOut)
  const decode = (chunk: number, variables?: Task['variables'], leftOut?: string): Task => {
    const without = leftOut === undefined ? [] : ['without', leftOut]
    const name = ['decode', chunk, ...Object.values(variables ?? {}), ...without].join(' ')
    const task = bench(name, 'vae', small, [...plain, '--chunk', String(chunk)], leftOut)
    return variables ? { ...task, variables: { ...task.variables, ...variables } } : task
  }
  const peers = onGpu ? Object.entries(peerWords) : Object.entries(peerWords).slice(0, 1)
  return [
    { number: 0, title: 'the machine', budgetSeconds: 10, tasks: [own('machine'), doctor()] },
    {
      number: 1,
      title: 'results are right',
      budgetSeconds: 45,
      tasks: [
        ...['kernels', 'attention', 'transformer', 'decoder'].map(what => own('correct', what)),
        // A result that only kernels make wrong is right without one of them.
        ...ofTransformer.map(kernel => own('correct', 'transformer', kernel)),
        ...ofDecoder.map(kernel => own('correct', 'decoder', kernel)),
      ],
    },
    {
      number: 2,
      title: `a layer of ${large}, and its profile`,
      budgetSeconds: 75,
      tasks: [
        bench('few layers', 'step', large, ['--layers', String(pair[0]), '--no-profile']),
        bench('more layers', 'step', large, more),
        ...ofTransformer.map(kernel =>
          bench(`without ${kernel}`, 'step', large, [...more, '--no-profile'], kernel),
        ),
        // A CPU emulates them, once.
        inFloat8('in fp8'),
        ...(onGpu ? ofFloat8.map(kernel => inFloat8(`in fp8 without ${kernel}`, kernel)) : []),
      ],
      derive: results => ({
        ...perLayer(results, ['few layers', 'more layers'], pair, 'step'),
        ...savedPerLayer(results, 'more layers', ofTransformer, pair[1]),
        ...savedPerLayer(results, 'in fp8', ofFloat8, pair[1], 'in fp8 '),
      }),
    },
    { number: 3, title: 'limits by PyTorch', budgetSeconds: 15, tasks: [limits()] },
    {
      number: 4,
      title: `${small} whole, and its decoder`,
      budgetSeconds: 70,
      tasks: [
        bench('small step', 'step', small, plain),
        decode(4),
        decode(1),
        ...ofDecoder.map(kernel => decode(4, undefined, kernel)),
        ...(onGpu ? [decode(4, { FRAMEWRIGHT_CUDA_OPTIONS: 'fuse_conv_bias=1' })] : []),
        // Convolutions with channels last: the kernel has them first, and would be between two transpositions.
        ...(onGpu
          ? ofDecoder.map(kernel => decode(4, { FRAMEWRIGHT_CUDA_OPTIONS: 'prefer_nhwc=1' }, kernel))
          : []),
      ],
    },
    {
      number: 5,
      title: `${large} whole`,
      budgetSeconds: 65,
      tasks: [bench('large step', 'step', large, [...plain, '--repeat', '2'])],
    },
    {
      number: 6,
      title: `diffusers on ${large}`,
      budgetSeconds: 90,
      tasks: peers.flatMap(([name, words]) =>
        pair.map(count => peer(`${name} ${count}`, `${large}-${count}`, words)),
      ),
      derive: results => {
        const found = peers.map(([name]) =>
          perLayer(results, [`${name} ${pair[0]}`, `${name} ${pair[1]}`], pair, 'forward', `${name} `),
        )
        return Object.assign({}, ...found) as Record<string, number>
      },
    },
    {
      number: 7,
      title: 'prompt, load, profile of the decoder',
      budgetSeconds: 60,
      tasks: [
        // The text encoder of a trial is the built-in model's: that of the other takes 11 GB.
        onGpu ? bench('prompt', 'text', small, plain) : bench('prompt', 'text', undefined, ['--no-profile']),
        bench('load', 'load', large, [...cut, '--repeat', '2']),
        bench('decoder profile', 'vae', small, [...cut, '--repeat', '1']),
      ],
    },
  ]
}

/**
 * The network that is measured without a kernel, where that is not the transformer in bf16; none for those that stand in for
 * another one: a layer has no use for them beside it.
 */
const leftOutOf: Readonly<Record<string, 'decoder' | 'fp8' | 'none'>> = {
  'norm-silu-windows': 'decoder',
  'gated-residual': 'none',
  'norm-modulate': 'none',
  'round-norm': 'fp8',
  'round-sums': 'fp8',
  // Without it there are no products in 8-bit floats.
  'round-rows': 'none',
}

const peerWords: Readonly<Record<string, readonly string[]>> = {
  eager: [],
  cudnn: ['--attention', 'cudnn'],
  compiled: ['--attention', 'cudnn', '--compile'],
}

/** Seconds of a layer from two reports, and of a whole network of its layers. */
export function perLayer(
  results: ReadonlyMap<string, unknown>,
  [few, more]: readonly [string, string],
  [fewer, larger]: readonly [number, number],
  measurement: string,
  prefix = '',
): Readonly<Record<string, number>> {
  const [first, second] = [few, more].map(name => secondsOf(results, name, measurement))
  if (first === undefined || second === undefined) return {}
  const layer = (second - first) / (larger - fewer)
  return {
    [`${prefix}layer, s`]: layer,
    [`${prefix}${measurement} of ${largeLayers} layers, s`]: first + (largeLayers - fewer) * layer,
  }
}

/**
 * Milliseconds of a layer that each kernel saves, by reports with all of them and without it.
 * @param prefix of the names of the reports without one
 */
export function savedPerLayer(
  results: ReadonlyMap<string, unknown>,
  whole: string,
  kernels: readonly string[],
  layers: number,
  prefix = '',
): Readonly<Record<string, number>> {
  const all = secondsOf(results, whole, 'step')
  const saved = kernels.flatMap(kernel => {
    const without = secondsOf(results, `${prefix}without ${kernel}`, 'step')
    if (all === undefined || without === undefined) return []
    return [[`${kernel} saves a layer, ms`, (1e3 * (without - all)) / layers] as const]
  })
  return Object.fromEntries(saved)
}

/** The median of a measurement of a report. */
function secondsOf(
  results: ReadonlyMap<string, unknown>,
  name: string,
  measurement: string,
): number | undefined {
  const report = results.get(name) as { measurements?: Record<string, { p50: number }> } | undefined
  return report?.measurements?.[measurement]?.p50
}
